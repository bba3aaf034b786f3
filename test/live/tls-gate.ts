// A gate before a plain Temporal server: only clients with a certificate of the test's authority come in.

import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import type { Certificates } from './certificates.ts';

export interface TlsGate {
  readonly port: number;
  /** Connections that were let in. */
  readonly admitted: number;
  close(): void;
}

/** Opens a gate on a free port of 127.0.0.1 before `target` on the same machine. */
export async function openTlsGate(target: number, { ca, server }: Certificates): Promise<TlsGate> {
  let admitted = 0;
  const open = new Set<{ destroy(): void }>();
  const gate = createServer({
    ca: readFileSync(ca),
    cert: readFileSync(server.cert),
    key: readFileSync(server.key),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
  });
  gate.on('secureConnection', (client) => {
    admitted++;
    const behind = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [client, behind],
      [behind, client],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => open.delete(from));
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
  return {
    port: (gate.address() as AddressInfo).port,
    get admitted() {
      return admitted;
    },
    close() {
      gate.close();
      for (const socket of open) socket.destroy();
    },
  };
}
