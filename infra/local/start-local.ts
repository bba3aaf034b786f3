// Brings up the local services that a command needs, sharing those that run, and leaves nothing behind on
// failure.

import type { ServicesOptions, StartedService } from './reports.ts';
import { storeWithGuard } from './guard.ts';
import {
  awaitService,
  isRunning,
  KAFKA,
  type LocalService,
  type RunningRecord,
  startService,
  TEMPORAL,
} from './local-service.ts';
import { machineProbe } from './probe.ts';
import { releasePorts } from './ports.ts';
import { endGroup, ownProcess } from './processes.ts';
import { readState, type ServiceName, type ServicesState, withLock, writeState } from './state.ts';

export const LOCAL_SERVICES: Readonly<Record<ServiceName, LocalService>> = {
  temporal: TEMPORAL,
  kafka: KAFKA,
};

export interface LocalOptions extends ServicesOptions {
  readonly names: readonly ServiceName[];
  readonly onNote: (note: string) => void;
}

export interface LocalServices {
  readonly records: Partial<Record<ServiceName, RunningRecord>>;
  readonly started: readonly StartedService[];
}

/** Starts or joins the named services. @throws PipelineError `service-unavailable`. */
export async function startLocal(options: LocalOptions): Promise<LocalServices> {
  if (options.names.length === 0) return { records: {}, started: [] };
  const { env, onNote, signal } = options;
  const lock = { onNote, ...(signal !== undefined && { signal }) };
  return withLock(env.home, () => startUnderLock(options), lock);
}

async function startUnderLock(options: LocalOptions): Promise<LocalServices> {
  const { env, keep, names } = options;
  const before = await readState(env.home);
  const board = new StateBoard(env.home, { before, joined: join(before, keep) });
  const other = new AbortController();
  const signal =
    options.signal === undefined ? other.signal : AbortSignal.any([options.signal, other.signal]);
  const outcomes = await Promise.allSettled(
    names.map((name) =>
      bringUp(LOCAL_SERVICES[name], { ...options, signal, board }).catch((error: unknown) => {
        // The first failure is the one to report; it ends the other service's fetching or waiting.
        other.abort(error);
        throw error;
      }),
    ),
  );
  if (outcomes.some(({ status }) => status === 'rejected')) {
    await board.rollBack(options.signal?.aborted === true ? options.signal.reason : other.signal.reason);
  }
  await board.finish();
  return { records: board.running, started: board.started };
}

interface BringUpOptions extends LocalOptions {
  readonly signal: AbortSignal;
  readonly board: StateBoard;
}

async function bringUp(service: LocalService, { env, onNote, signal, board }: BringUpOptions): Promise<void> {
  const known = board.state[service.name];
  if (isRunning(known) && (await answers(service, known, { env, signal }))) {
    board.running[service.name] = known;
    return;
  }
  const probe = machineProbe(env.variables.reveal());
  const store = (record: RunningRecord) => board.store(service, record);
  board.running[service.name] = await startService(service, { env, probe, onNote, signal, known, store });
}

/**
 * Whether a service answers in the end; false where its process ends before it does, as one does that another command has started again
 * at a port that is taken by now.
 */
async function answers(
  service: LocalService,
  known: RunningRecord,
  options: Parameters<typeof awaitService>[2],
): Promise<boolean> {
  try {
    await awaitService(service, known, options);
    return true;
  } catch (error) {
    if (isRunning(known) || options.signal?.aborted === true) throw error;
    return false;
  }
}

/** This command becomes a user; services once asked to be kept stay kept. */
function join(state: ServicesState, keep: boolean): ServicesState {
  const own = ownProcess();
  const others = state.users.filter(({ pid }) => pid !== own.pid);
  return { ...state, keep: state.keep || keep, users: [...others, own] };
}

/** The state while services start at once: writes are queued so that none is lost. */
class StateBoard {
  readonly home: string;
  readonly running: Partial<Record<ServiceName, RunningRecord>> = {};
  started: readonly StartedService[] = [];
  state: ServicesState;
  #before: ServicesState;
  #writes: Promise<unknown>;

  constructor(
    home: string,
    { before, joined }: { readonly before: ServicesState; readonly joined: ServicesState },
  ) {
    this.home = home;
    this.state = joined;
    this.#before = before;
    this.#writes = writeState(home, joined);
  }

  async store({ name }: LocalService, record: RunningRecord): Promise<void> {
    this.state = { ...this.state, [name]: record };
    const others = this.started.filter((service) => service.name !== name);
    this.started = [...others, { name, pid: record.process.pid, how: record.how }];
    const { state } = this;
    this.#writes = this.#writes.then(() => writeState(this.home, state));
    await this.#writes;
  }

  async finish(): Promise<void> {
    await this.#writes;
    this.state = await storeWithGuard(this.home, this.state);
  }

  /** Ends what this command started, forgets its use, and throws the reason. */
  async rollBack(reason: unknown): Promise<never> {
    await this.#writes.catch(() => undefined);
    const { keep, users } = this.#before;
    let state: ServicesState = { ...this.state, keep, users };
    for (const { name } of this.started) {
      const record = state[name];
      if (record?.process != null) await endGroup(record.process, { graceMs: LOCAL_SERVICES[name].graceMs });
      await releasePorts(record?.ports ?? [], { home: this.home });
      state = { ...state, [name]: record === null ? null : { ...record, process: null } };
    }
    await storeWithGuard(this.home, state);
    throw reason;
  }
}
