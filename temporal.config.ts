// Queues, timeouts, retries and limits, as plain data. Workflows read this file too: nothing but literals.

export const TASK_QUEUES = { workflow: 'tessera', cpu: 'tessera-cpu', io: 'tessera-io' } as const;

export const LIMITS = {
  /** Largest workflow or activity payload; rows, weights and plans are blobs. */
  payloadBytes: 64 * 1024,
  /** Encode activities per run, where there are at least as many shards: fewer, longer tasks cost less orchestration. */
  tasksPerRun: 24,
  /** The same in runs that were planned by release 0.1.0, whose tasks are of one size. */
  evenTasksPerRun: 32,
  /** Shards per encode activity, in the mean: larger runs get more activities. */
  shardsPerTask: 64,
  /** Tasks (encode activities, measurements) of one run under way at once. */
  taskWindow: 64,
  /** Finished tasks after which the workflow continues as new. */
  tasksPerHistory: 500,
  /** Segments after which the workflow of a group of chains continues as new. */
  segmentsPerHistory: 200,
} as const;

export const TIMEOUTS = {
  /** Longest silence of an activity before it is given to another worker. */
  heartbeatMs: 10_000,
  /** An encoder's heartbeats are sent at most this often, so a crash repeats at most this much work. */
  encodeBeatMs: 500,
  /** Those of work that repeats nothing after a crash, or that keeps its place elsewhere. */
  waitBeatMs: 2_500,
  startToCloseMs: 24 * 3600_000,
  shutdownGraceMs: 10_000,
  /** A group of chains reports to its run at most this often at first, later once in a hundredth of the time so far. */
  reportEveryMs: 2_000,
} as const;

export const RETRY = {
  initialIntervalMs: 500,
  backoff: 2,
  maximumIntervalMs: 15_000,
  maximumAttempts: 20,
} as const;
