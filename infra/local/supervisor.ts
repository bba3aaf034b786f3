// Watches local services while a command runs and starts dead ones again, once per death whoever notices it.

import { setTimeout as sleep } from 'node:timers/promises';
import { faultOf } from '#schemas/errors.ts';
import type { Env } from '../env.ts';
import { diskFull, ROOM_TO_RUN_BYTES } from './disk-room.ts';
import type { ServiceRestart } from './reports.ts';
import { awaitService, isRunning, relaunch, type RunningRecord } from './local-service.ts';
import { LOCAL_SERVICES } from './start-local.ts';
import { readState, type ServiceName, withLock, writeState } from './state.ts';

export interface SuperviseOptions {
  readonly env: Env;
  readonly names: readonly ServiceName[];
  readonly onRestart: (restart: ServiceRestart) => void;
  readonly onNote: (note: string) => void;
  readonly signal?: AbortSignal;
}

/** Ends when disposed. */
export interface Supervision extends Disposable {
  /** Rejects with `disk-full` where a service has no room to work in; never resolves. */
  readonly failed: Promise<never>;
}

const WATCH_MS = 250;
const MAX_BACKOFF_MS = 30_000;
const ROOM_EVERY_MS = 2_000;
/** A disk that was full for a moment, as while a table was written whole, is not worth ending a run. */
const FULL_LOOKS = 4;

/** Supervises until disposed or aborted. Errors of a restart are noted and tried again, ever more slowly. */
export function superviseServices(options: SuperviseOptions): Supervision {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  let onFailed: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    onFailed = reject;
  });
  failed.catch(() => undefined);
  for (const name of options.names) {
    const watched = { ...options, signal, onFailed };
    void watch(name, watched);
    void watchRoom(name, watched);
  }
  return { failed, [Symbol.dispose]: () => stop.abort(new Error('supervision ended')) };
}

type WatchOptions = SuperviseOptions & {
  readonly signal: AbortSignal;
  readonly onFailed: (error: Error) => void;
};

async function watch(name: ServiceName, options: WatchOptions): Promise<void> {
  const { env, signal, onRestart, onNote, onFailed } = options;
  let restarts = 0;
  let backoffMs = 0;
  let lastPid = (await readState(env.home).catch(() => null))?.[name]?.process?.pid ?? 0;
  while (!signal.aborted) {
    try {
      await sleep(WATCH_MS + backoffMs, undefined, { signal, ref: false });
      const began = performance.now();
      const record = await revive(name, { ...options, lastPid });
      backoffMs = 0;
      if (record === null || record.process.pid === lastPid) continue;
      const { process, ports } = record;
      lastPid = process.pid;
      restarts += 1;
      const address = `127.0.0.1:${ports[0]}`;
      onRestart({ name, pid: lastPid, address, restarts, seconds: (performance.now() - began) / 1000 });
    } catch (error) {
      if (signal.aborted) return;
      if (faultOf(error).kind === 'disk-full') return onFailed(error as Error);
      backoffMs = Math.min(MAX_BACKOFF_MS, Math.max(1_000, backoffMs * 2));
      const { title } = LOCAL_SERVICES[name];
      onNote(`${title}: restart failed, next try in ${backoffMs / 1000} s: ${faultOf(error).what}`);
    }
  }
}

/** A service may live on a full disk, and answer with nothing but errors. */
async function watchRoom(name: ServiceName, { env, signal, onFailed }: WatchOptions): Promise<void> {
  const noRoom = { title: LOCAL_SERVICES[name].title, leastBytes: ROOM_TO_RUN_BYTES };
  for (let looks = 0; !signal.aborted; ) {
    const service = (await readState(env.home).catch(() => null))?.[name];
    const fault = service?.process == null ? null : await diskFull(service.launch.cwd, noRoom);
    looks = fault === null ? 0 : looks + 1;
    if (fault !== null && looks >= FULL_LOOKS) return onFailed(fault);
    await sleep(ROOM_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/** The answering service, restarted here where nobody else did; null where it was stopped on purpose. */
async function revive(
  name: ServiceName,
  options: WatchOptions & { readonly lastPid: number },
): Promise<RunningRecord | null> {
  const { env, signal, lastPid } = options;
  const seen = (await readState(env.home))[name];
  if (seen?.process == null) return null;
  const record = isRunning(seen) ? seen : await restartDead(name, options);
  if (record === null) return null;
  if (record.process.pid !== lastPid) await awaitService(LOCAL_SERVICES[name], record, { env, signal });
  return record;
}

/** The lock covers the start only, so that two dead services come back side by side. */
function restartDead(name: ServiceName, { env, signal }: WatchOptions): Promise<RunningRecord | null> {
  const restart = async () => {
    const state = await readState(env.home);
    const record = state[name];
    if (record?.process == null) return null;
    if (isRunning(record)) return record;
    const started = await relaunch(record, env);
    await writeState(env.home, { ...state, [name]: started });
    return started;
  };
  return withLock(env.home, restart, { signal });
}
