// Ports on the loopback interface.

import { randomInt } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './processes.ts';
import { readState } from './state.ts';

/** True when nothing listens on this loopback port. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Ports that nobody else of this machine's users of Tessera is about to take; disposing gives up the claim, not the port. */
export interface ClaimedPorts extends AsyncDisposable {
  readonly ports: readonly number[];
  /** Hands some of the claims to a home, whose they stay while it wants a service there; a dead one comes back on its port. */
  keep(ports: readonly number[], home: string): Promise<void>;
}

const CLAIMS = join(tmpdir(), 'tessera-ports');

/** Below what systems lend to outgoing connections and to servers that ask for any port (from 32,768 on Linux), who know no claims. */
const OWN_PORTS = [20_000, 32_768] as const;

export interface ClaimOptions {
  /** Where commands of all homes keep their claims. */
  readonly folder?: string;
  /** Home that asks: its own claims do not stand in its way. */
  readonly home?: string;
}

type Claimer = Required<Pick<ClaimOptions, 'folder'>> & ClaimOptions;

/**
 * First free port of `preferred`, else any; never the same twice. Between the look and the moment when a
 * service listens another command could take the port, so it is claimed until then.
 */
export async function claimPorts(
  preferred: readonly (readonly number[])[],
  { folder = CLAIMS, home }: ClaimOptions = {},
): Promise<ClaimedPorts> {
  await mkdir(folder, { recursive: true, mode: 0o777 });
  const claimer = { folder, ...(home !== undefined && { home }) };
  const ports: number[] = [];
  for (const wishes of preferred) ports.push(await claimPort(wishes, claimer));
  const fileOf = (port: number) => join(folder, String(port));
  const mine = new Set(ports);
  const release = () => Promise.all([...mine].map((port) => rm(fileOf(port), { force: true })));
  const keep = async (kept: readonly number[], keeper: string) => {
    for (const port of kept) {
      mine.delete(port);
      await writeFile(fileOf(port), `home ${keeper}\n`).catch(() => undefined);
    }
  };
  return { ports, keep, [Symbol.asyncDispose]: async () => void (await release()) };
}

/** Gives up what a home keeps; ports of others are left alone. */
export async function releasePorts(
  ports: readonly number[],
  { home, folder = CLAIMS }: ClaimOptions & { readonly home: string },
): Promise<void> {
  for (const port of ports) {
    const file = join(folder, String(port));
    const holder = await readFile(file, 'utf8').catch(() => '');
    if (holder.trim() === `home ${home}`) await rm(file, { force: true });
  }
}

async function claimPort(wishes: readonly number[], claimer: Claimer): Promise<number> {
  for (let look = 0; ; look += 1) {
    const port = wishes[look] ?? randomInt(...OWN_PORTS);
    if (!(await claim(port, claimer))) continue;
    if (await isPortFree(port)) return port;
    await rm(join(claimer.folder, String(port)), { force: true });
  }
}

/** A file per port: whoever makes it has the port. One that cannot be written is no claim, and no hindrance. */
async function claim(port: number, { folder, home }: Claimer): Promise<boolean> {
  const file = join(folder, String(port));
  const make = () => writeFile(file, `${process.pid}\n`, { flag: 'wx' }).then(() => true);
  return make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') return true;
    const holder = (await readFile(file, 'utf8').catch(() => '')).trim();
    if (holder !== `home ${home}` && (await holds(holder, port))) return false;
    await rm(file, { force: true });
    return make().catch(() => false);
  });
}

/** A claim whose command was killed, or whose home has given the port up, is none. An empty file is one that is being written. */
async function holds(holder: string, port: number): Promise<boolean> {
  const home = /^home (.+)$/s.exec(holder)?.[1];
  if (home === undefined) return holder === '' || isRunning(Number(holder));
  const state = await readState(home).catch(() => null);
  if (state === null) return false;
  const wanted = [state.temporal, state.kafka].filter((record) => record?.ports.includes(port));
  const inUse = state.keep || state.users.length > 0;
  return wanted.some((record) => record?.process != null && (inUse || isAlive(record.process)));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
