// What runs for one home, in `services.json`, changed only under a lock that dies with its holder.

import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { PipelineError } from '#schemas/errors.ts';
import { makeLocalFolder } from '../local-folder.ts';
import { isAlive, ownProcess } from './processes.ts';

export type ServiceName = 'temporal' | 'kafka';

const processId = z.strictObject({ pid: z.int().positive(), startMark: z.string() });

const launch = z.strictObject({
  command: z.string(),
  args: z.array(z.string()).readonly(),
  cwd: z.string(),
  log: z.string(),
  variables: z.record(z.string(), z.string()).readonly(),
});

const service = z.strictObject({
  /** Null when stopped on purpose; a dead process stays here until it is started again. */
  process: processId.nullable(),
  ports: z.array(z.int()).readonly(),
  how: z.string(),
  launch,
});

const servicesState = z.strictObject({
  version: z.literal(1),
  /** True once a command asked for services that outlive it. */
  keep: z.boolean(),
  /** Commands that use the services now. */
  users: z.array(processId),
  /** The watcher that ends services whose users were all killed. */
  guard: z.strictObject({ token: z.string(), process: processId }).nullable(),
  temporal: service.nullable(),
  kafka: service.nullable(),
});

export type ServicesState = z.infer<typeof servicesState>;
export type ServiceRecord = z.infer<typeof service>;

const EMPTY: ServicesState = { version: 1, keep: false, users: [], guard: null, temporal: null, kafka: null };
const LOCK_TIMEOUT_MS = 20 * 60_000;
const NOTE_AFTER_MS = 2_000;

/** The state of a home; dead users are left out. A missing file is the empty state. */
export async function readState(home: string): Promise<ServicesState> {
  const text = await readFile(stateFile(home), 'utf8').catch(() => null);
  if (text === null) return EMPTY;
  const parsed = servicesState.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new PipelineError({
      kind: 'service-unavailable',
      what: 'the record of local services cannot be read',
      where: stateFile(home),
      remedy: 'End leftover temporal and java processes, delete the file and try again; no data is lost.',
    });
  }
  return { ...parsed.data, users: parsed.data.users.filter(isAlive) };
}

/** Replaces the state in one step, with the plain-text extract that the guard reads. */
export async function writeState(home: string, state: ServicesState): Promise<void> {
  await replaceFile(stateFile(home), `${JSON.stringify(state, null, 2)}\n`);
  const services = [state.temporal, state.kafka].flatMap((record) => record?.process ?? []);
  const lines = [
    ...(state.guard === null ? [] : [`guard ${state.guard.token}`]),
    ...state.users.map(({ pid }) => `user ${pid}`),
    ...services.map(({ pid }) => `service ${pid}`),
  ];
  await replaceFile(guardFile(home), `${lines.join('\n')}\n`);
}

export function stateFile(home: string): string {
  return join(home, 'services.json');
}

export function guardFile(home: string): string {
  return join(home, 'services.guard');
}

export function lockFile(home: string): string {
  return join(home, 'services.lock');
}

export interface LockOptions {
  readonly onNote?: (note: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs `work` while no other command changes this home's services. A lock whose holder died is taken over.
 */
export async function withLock<T>(
  home: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  await makeHome(home);
  const mark = await takeLock(home, options);
  try {
    return await work();
  } finally {
    if ((await readLock(home)) === mark) await rm(lockFile(home), { force: true });
  }
}

async function makeHome(home: string): Promise<void> {
  try {
    makeLocalFolder(home);
  } catch (error) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'the folder for local services cannot be made',
      where: 'TESSERA_HOME',
      value: `${home}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
      remedy: 'Set TESSERA_HOME to a writable folder.',
    });
  }
}

async function takeLock(home: string, { onNote, signal }: LockOptions): Promise<string> {
  const { pid, startMark } = ownProcess();
  const mark = `${pid}\n${startMark}\n${randomBytes(8).toString('hex')}\n`;
  const began = Date.now();
  let noted = false;
  while (Date.now() - began < LOCK_TIMEOUT_MS) {
    signal?.throwIfAborted();
    if (await tryLock(home, mark)) return mark;
    if (!noted && Date.now() - began > NOTE_AFTER_MS) {
      noted = true;
      onNote?.('Waiting for another command that is starting or stopping local services');
    }
    await sleep(50);
  }
  throw new PipelineError({
    kind: 'service-unavailable',
    what: 'another command has held the lock of local services for 20 minutes',
    where: lockFile(home),
    remedy: 'End that command, then try again.',
  });
}

/** A hard link appears with its content or not at all, so a lock is never seen half-written. */
async function tryLock(home: string, mark: string): Promise<boolean> {
  const own = `${lockFile(home)}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(own, mark);
  try {
    await link(own, lockFile(home));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await dropStaleLock(home, `${own}.stale`);
    return false;
  } finally {
    await rm(own, { force: true });
  }
}

/** Moves a dead holder's lock aside; if a live one slipped in between, it is put back. */
async function dropStaleLock(home: string, aside: string): Promise<void> {
  const seen = await readLock(home);
  if (seen === null || isAlive(holderOf(seen))) return;
  await rename(lockFile(home), aside).catch(() => undefined);
  const moved = await readFile(aside, 'utf8').catch(() => null);
  if (moved !== null && moved !== seen) await link(aside, lockFile(home)).catch(() => undefined);
  await rm(aside, { force: true });
}

async function readLock(home: string): Promise<string | null> {
  return readFile(lockFile(home), 'utf8').catch(() => null);
}

function holderOf(mark: string): { pid: number; startMark: string } {
  const [pid = '0', startMark = ''] = mark.split('\n');
  return { pid: Number(pid), startMark };
}

async function replaceFile(file: string, text: string): Promise<void> {
  const partial = `${file}.${process.pid}`;
  await writeFile(partial, text);
  await rename(partial, file);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
