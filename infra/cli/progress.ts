// What a run's progress means: rows, rows per second, time left. Pure; the clock is an argument.

import type {
  ChainsProgress,
  EncodeHeartbeat,
  ImageHeartbeat,
  LensHeartbeat,
  RunPhase,
  RunProgress,
  TrainHeartbeat,
} from '#schemas/messages.ts';

/** One look at a run. Rows are what the run counts in its `unit`: code rows of the data set, pairs, slices, ... */
export interface RunSnapshot {
  readonly runId: string;
  readonly phase: RunPhase;
  readonly paused: boolean;
  readonly unit: string;
  readonly rows: number;
  readonly doneRows: number;
  /** Attempts beyond the first of anything in this run. */
  readonly restarts: number;
  /** Partitions that are still being aggregated, with the messages that they have read. */
  readonly aggregating: {
    readonly partitions: number;
    readonly messages: number;
    /** Messages on the log that they have still to read. */
    readonly lag: number;
  };
  /** Tasks that wait until aggregation has caught up. */
  readonly waiting: number;
  /** Tasks of the plan, or null where the run has none; `underWay` are those that a worker has begun. */
  readonly tasks: TaskCounts | null;
  readonly notices: readonly string[];
  /** Why tasks are being tried again, each reason once. */
  readonly retries: readonly string[];
  /** Runs of chains: what these say so far. */
  readonly chains: ChainsProgress | null;
  /** While training: the bound of the last batch. */
  readonly elbo: number | null;
  /** When the run was started, milliseconds. */
  readonly startedAtMs: number;
  readonly atMs: number;
}

export interface TaskCounts {
  /** What a task is, in the plural: shards, shard groups, tasks. */
  readonly name: string;
  readonly total: number;
  readonly done: number;
  readonly underWay: number;
}

/** A pending activity, reduced to what progress needs. */
export interface PendingActivity {
  readonly type: string;
  readonly attempt: number;
  /** Whether a worker has begun this attempt. */
  readonly started: boolean;
  readonly heartbeat: unknown;
  /** Why the attempt before this one failed, or null. */
  readonly lastFailure: string | null;
}

/** Snapshots of the last seconds; the rate is their slope. */
export interface ProgressMeter {
  readonly recent: readonly RunSnapshot[];
  readonly latest: RunSnapshot | null;
}

export const EMPTY_METER: ProgressMeter = { recent: [], latest: null };

/** Longest memory of the rate: long enough to be smooth, short enough to follow a restart. */
const WINDOW_MS = 15_000;

/**
 * The workflow's own count plus what running activities have reported since.
 * @param atMs - when it was seen, milliseconds.
 */
export function snapshotOf(
  progress: RunProgress,
  { pending, atMs }: { readonly pending: readonly PendingActivity[]; readonly atMs: number },
): RunSnapshot {
  const beats = pending.map(({ heartbeat }) => heartbeat);
  const encoded = sum(beats.filter(isEncodeBeat).map(({ samples }) => samples));
  const measured = sum(beats.filter(isLensBeat).map(({ units }) => units));
  const onImages = beats.filter(isImageBeat);
  const worked = sum(onImages.map(({ units, from }) => units - from));
  const training = beats.find(isTrainBeat);
  const done = Math.max(progress.doneSamples + encoded + measured + worked, training?.step ?? 0);
  const samples = Math.min(progress.samples, done);
  const rowsPerSample = progress.samples > 0 ? progress.points / progress.samples : 0;
  const aggregators = beats.filter(isAggregateBeat);
  return {
    runId: progress.runId,
    phase: progress.phase,
    paused: progress.paused,
    unit: progress.unit,
    rows: progress.points,
    doneRows: Math.round(samples * rowsPerSample),
    restarts: progress.restarts + sum(pending.map(({ attempt }) => Math.max(0, attempt - 1))),
    aggregating: {
      partitions: aggregators.length,
      messages: sum(aggregators.map(({ messages }) => messages)),
      lag: sum(aggregators.map(({ lag = 0 }) => lag)),
    },
    waiting: beats.filter((beat) => (isEncodeBeat(beat) || isLensBeat(beat)) && beat.waits === true).length,
    tasks: tasksOf(progress, pending),
    notices: progress.notices,
    retries: retryReasons(pending),
    chains: progress.chains ?? null,
    elbo: training?.elbo ?? onImages.find(({ elbo }) => elbo !== null)?.elbo ?? null,
    startedAtMs: progress.startedAtMs,
    atMs,
  };
}

/** Activities that each do one task of the plan. */
const TASK_ACTIVITIES: ReadonlySet<string> = new Set(['encodeShards', 'runLensTask']);

function tasksOf({ tasks }: RunProgress, pending: readonly PendingActivity[]): TaskCounts | null {
  if (tasks === undefined) return null;
  const { name, total, waiting } = tasks;
  const open = pending.filter(({ type }) => TASK_ACTIVITIES.has(type));
  // The two were asked for one after the other: a task may have ended in between.
  const done = Math.max(0, total - waiting - open.length);
  return { name, total, done, underWay: open.filter(({ started }) => started).length };
}

/** Adds a look; rows never go back on screen, though a retried task reports its own from the start. */
export function observe(before: ProgressMeter, snapshot: RunSnapshot): ProgressMeter {
  // Updates of a training and draws of chains are counted apart.
  const meter = before.latest?.unit === snapshot.unit ? before : EMPTY_METER;
  const doneRows = Math.max(snapshot.doneRows, meter.latest?.doneRows ?? 0);
  // Restarts are those of the whole run: one that was told is not told again when another stage begins.
  const restarts = Math.max(snapshot.restarts, before.latest?.restarts ?? 0);
  const latest = { ...snapshot, doneRows, restarts };
  // Another plan, such as that of an extension, begins at what is there already: that came at no speed.
  const samePlan = meter.latest?.rows === snapshot.rows ? sinceStill(meter) : [];
  const recent = samePlan.filter(({ atMs }) => atMs >= snapshot.atMs - WINDOW_MS);
  return { recent: [...recent, latest], latest };
}

/** While nothing has moved yet, only the last look counts: waiting for the model to load is no encoding speed. */
function sinceStill({ recent, latest }: ProgressMeter): readonly RunSnapshot[] {
  const still = latest !== null && recent[0]?.doneRows === latest.doneRows;
  return still ? recent.slice(-1) : recent;
}

/** Rows per second over the last seconds, or null before two looks. */
export function rowsPerSecond({ recent }: ProgressMeter): number | null {
  const [first, last] = [recent[0], recent.at(-1)];
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
  return ((last.doneRows - first.doneRows) * 1000) / (last.atMs - first.atMs);
}

/** Seconds until the last row at the present rate, or null where there is no rate. */
export function secondsLeft(meter: ProgressMeter): number | null {
  const rate = rowsPerSecond(meter);
  const { latest } = meter;
  if (rate === null || rate <= 0 || latest === null || latest.rows === 0 || latest.paused) return null;
  return (latest.rows - latest.doneRows) / rate;
}

/** Retries are no silent matter: each reason is shown once. */
function retryReasons(pending: readonly PendingActivity[]): readonly string[] {
  const reasons = pending.flatMap(({ type, lastFailure }) =>
    lastFailure === null ? [] : [`${type} is tried again: ${lastFailure}`],
  );
  return [...new Set(reasons)];
}

function isEncodeBeat(value: unknown): value is EncodeHeartbeat {
  return beatKind(value) === 'encode';
}

function isLensBeat(value: unknown): value is LensHeartbeat {
  return beatKind(value) === 'lens';
}

function isTrainBeat(value: unknown): value is TrainHeartbeat {
  return beatKind(value) === 'train';
}

function isImageBeat(value: unknown): value is ImageHeartbeat {
  return beatKind(value) === 'images';
}

function isAggregateBeat(value: unknown): value is { readonly messages: number; readonly lag?: number } {
  return beatKind(value) === 'aggregate';
}

function beatKind(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (value as { readonly at?: unknown }).at : undefined;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
