// Ports on the loopback interface.

import { createServer } from 'node:net';

/** True when nothing listens on this loopback port. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== null;
}

/**
 * First free port of `preferred`, else one that the system picks; never one of `taken`.
 * Ports of one service are picked together, so that they differ.
 */
export async function pickPorts(preferred: readonly (readonly number[])[]): Promise<number[]> {
  const picked: number[] = [];
  for (const wishes of preferred) picked.push(await pickPort(wishes, picked));
  return picked;
}

async function pickPort(wishes: readonly number[], taken: readonly number[]): Promise<number> {
  for (const port of wishes) {
    if (!taken.includes(port) && (await isPortFree(port))) return port;
  }
  for (;;) {
    const port = await listenOnce(0);
    if (port !== null && !taken.includes(port)) return port;
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
