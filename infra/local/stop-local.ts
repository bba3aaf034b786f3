// Ends local services: for one command that leaves, or for all (`tessera down`).

import type { LocalServiceStatus, StartedService } from './reports.ts';
import { storeWithGuard } from './guard.ts';
import { isRunning } from './local-service.ts';
import { releasePorts } from './ports.ts';
import { endGroup } from './processes.ts';
import { LOCAL_SERVICES } from './start-local.ts';
import {
  type LockOptions,
  readState,
  type ServiceName,
  type ServicesState,
  withLock,
  writeState,
} from './state.ts';

const NAMES: readonly ServiceName[] = ['temporal', 'kafka'];

/** This command stops using the services; the last one out ends them, unless they are to be kept. */
export async function leaveServices(home: string, options: LockOptions): Promise<void> {
  await withLock(
    home,
    async () => {
      const state = await readState(home);
      const users = state.users.filter(({ pid }) => pid !== process.pid);
      if (state.keep || users.length > 0) await writeState(home, { ...state, users });
      else await endEverything(home, { ...state, users });
    },
    options,
  );
}

/** Ends this home's services whoever uses them. @returns What was running. */
export async function stopAll(home: string): Promise<readonly StartedService[]> {
  return withLock(home, async () => {
    const state = await readState(home);
    const running = NAMES.flatMap((name) => {
      const record = state[name];
      return isRunning(record) ? [{ name, pid: record.process.pid, how: record.how }] : [];
    });
    await endEverything(home, { ...state, keep: false, users: [] });
    return running;
  });
}

/** Each service that this home has ever started. */
export async function runningServices(home: string): Promise<readonly LocalServiceStatus[]> {
  const state = await readState(home);
  return NAMES.flatMap((name): LocalServiceStatus[] => {
    const record = state[name];
    if (record === null) return [];
    const running = isRunning(record);
    const common = { name, address: `127.0.0.1:${record.ports[0]}`, how: record.how, log: record.launch.log };
    return [{ ...common, state: running ? 'running' : 'stopped', pid: running ? record.process.pid : null }];
  });
}

/** Ports stay recorded, so that the next start takes the same ones. */
async function endEverything(home: string, state: ServicesState): Promise<void> {
  // First on paper: a supervisor that sees the death must find that it was wanted.
  const stopped = { ...state, temporal: withoutProcess(state.temporal), kafka: withoutProcess(state.kafka) };
  await storeWithGuard(home, stopped);
  await Promise.all(
    NAMES.map(async (name) => {
      const target = state[name]?.process;
      if (target != null) await endGroup(target, { graceMs: LOCAL_SERVICES[name].graceMs });
      await releasePorts(state[name]?.ports ?? [], { home });
    }),
  );
}

function withoutProcess<T extends { process: unknown }>(record: T | null): (T & { process: null }) | null {
  return record === null ? null : { ...record, process: null };
}
