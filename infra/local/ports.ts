// Ports on the loopback interface.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** True when nothing listens on this loopback port. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== null;
}

/** Ports that nobody else of this machine's users of Tessera is about to take; disposing gives up the claim, not the port. */
export interface ClaimedPorts extends AsyncDisposable {
  readonly ports: readonly number[];
}

/**
 * First free port of `preferred`, else one that the system picks; never the same twice. Between the look and the moment when a
 * service listens another command could take the port, so it is claimed until then.
 * @param folder - where commands of all homes keep their claims.
 */
export async function claimPorts(
  preferred: readonly (readonly number[])[],
  { folder = join(tmpdir(), 'tessera-ports') }: { readonly folder?: string } = {},
): Promise<ClaimedPorts> {
  await mkdir(folder, { recursive: true, mode: 0o777 });
  const files: string[] = [];
  const ports: number[] = [];
  for (const wishes of preferred) {
    const port = await claimPort(wishes, folder);
    ports.push(port);
    files.push(join(folder, String(port)));
  }
  const release = () => Promise.all(files.map((file) => rm(file, { force: true })));
  return { ports, [Symbol.asyncDispose]: async () => void (await release()) };
}

async function claimPort(wishes: readonly number[], folder: string): Promise<number> {
  for (const port of wishes) {
    if (!(await claim(port, folder))) continue;
    if (await isPortFree(port)) return port;
    await rm(join(folder, String(port)), { force: true });
  }
  for (;;) {
    const port = await listenOnce(0);
    if (port !== null && (await claim(port, folder))) return port;
  }
}

/** A file per port: whoever makes it has the port. One that cannot be written is no claim, and no hindrance. */
async function claim(port: number, folder: string): Promise<boolean> {
  const file = join(folder, String(port));
  const make = () => writeFile(file, `${process.pid}\n`, { flag: 'wx' }).then(() => true);
  return make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') return true;
    if (isRunning(Number(await readFile(file, 'utf8').catch(() => '0')))) return false;
    await rm(file, { force: true });
    return make().catch(() => false);
  });
}

/** A claim whose command was killed is none. An empty file is one that is being written. */
function isRunning(pid: number): boolean {
  if (pid === 0) return true;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
    });
  });
}
