// A gate before a plain Temporal server that speaks HTTP/2 over TLS and lets in requests with one API key, as Temporal Cloud
// does.

import { readFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  connect,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Certificates } from './certificates.ts';

export interface KeyGate {
  readonly port: number;
  /** Requests that were let in, and those that were not. */
  readonly admitted: number;
  readonly refused: number;
  close(): void;
}

const UNAUTHENTICATED = '16';

/** Opens a gate on a free port of 127.0.0.1 before `target` on the same machine. */
export async function openKeyGate(
  target: number,
  { certificates, apiKey }: { readonly certificates: Certificates; readonly apiKey: string },
): Promise<KeyGate> {
  const count = { admitted: 0, refused: 0 };
  const behind = connect(`http://127.0.0.1:${target}`);
  behind.on('error', () => undefined);
  const sessions = new Set<ServerHttp2Session>();
  const { cert, key } = certificates.server;
  const gate = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) });
  gate.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
  });
  gate.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const known = headers.authorization === `Bearer ${apiKey}`;
    count[known ? 'admitted' : 'refused']++;
    if (known) forward(stream, headers, behind);
    else refuse(stream);
  });
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
  return {
    port: (gate.address() as AddressInfo).port,
    get admitted() {
      return count.admitted;
    },
    get refused() {
      return count.refused;
    },
    close() {
      gate.close();
      for (const session of sessions) session.destroy();
      behind.destroy();
    },
  };
}

function refuse(stream: ServerHttp2Stream): void {
  const status = { 'grpc-status': UNAUTHENTICATED, 'grpc-message': 'this API key is not known' };
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true });
}

function forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, behind: ClientHttp2Session): void {
  const { ':authority': _gate, ':scheme': _tls, connection: _none, ...kept } = headers;
  const request = behind.request(kept);
  let trailers: IncomingHttpHeaders = {};
  request.on('error', () => stream.close());
  stream.on('close', () => request.close());
  request.on('trailers', (received) => {
    trailers = received;
  });
  request.on('response', (response, flags) => {
    const { ':status': status, ...rest } = response;
    const endStream = (flags & 1) === 1;
    stream.respond({ ':status': status ?? 200, ...rest }, { endStream, waitForTrailers: !endStream });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    if (!endStream) request.pipe(stream);
  });
  stream.pipe(request);
}
