// Watches local services while a command runs and starts dead ones again, once per death whoever notices it.

import { setTimeout as sleep } from 'node:timers/promises';
import { faultOf } from '#schemas/errors.ts';
import type { Env } from '../env.ts';
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

const WATCH_MS = 250;
const MAX_BACKOFF_MS = 30_000;

/** Supervises until disposed or aborted. Errors of a restart are noted and tried again, ever more slowly. */
export function superviseServices(options: SuperviseOptions): Disposable {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  for (const name of options.names) void watch(name, { ...options, signal });
  return { [Symbol.dispose]: () => stop.abort(new Error('supervision ended')) };
}

type WatchOptions = SuperviseOptions & { readonly signal: AbortSignal };

async function watch(name: ServiceName, options: WatchOptions): Promise<void> {
  const { env, signal, onRestart, onNote } = options;
  let restarts = 0;
  let backoffMs = 0;
  let lastPid = (await readState(env.home).catch(() => null))?.[name]?.process?.pid ?? 0;
  while (!signal.aborted) {
    try {
      await sleep(WATCH_MS + backoffMs, undefined, { signal, ref: false });
      const began = performance.now();
      const pid = await revive(name, { ...options, lastPid });
      backoffMs = 0;
      if (pid === null || pid === lastPid) continue;
      lastPid = pid;
      restarts += 1;
      onRestart({ name, pid, restarts, seconds: (performance.now() - began) / 1000 });
    } catch (error) {
      if (signal.aborted) return;
      backoffMs = Math.min(MAX_BACKOFF_MS, Math.max(1_000, backoffMs * 2));
      const { title } = LOCAL_SERVICES[name];
      onNote(`${title}: restart failed, next try in ${backoffMs / 1000} s: ${faultOf(error).what}`);
    }
  }
}

/**
 * Pid of the answering service, restarted here where nobody else did; null where it was stopped on purpose.
 */
async function revive(
  name: ServiceName,
  options: WatchOptions & { readonly lastPid: number },
): Promise<number | null> {
  const { env, signal, lastPid } = options;
  const seen = (await readState(env.home))[name];
  if (seen?.process == null) return null;
  const record = isRunning(seen) ? seen : await restartDead(name, options);
  if (record === null) return null;
  if (record.process.pid !== lastPid) await awaitService(LOCAL_SERVICES[name], record, { env, signal });
  return record.process.pid;
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
