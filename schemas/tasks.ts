// Inputs and outputs of the work that activities hand to worker threads.

import type {
  EncodeTask,
  ImagesInput,
  KernelRate,
  LensInput,
  LensWork,
  MetflowInput,
  SweepInput,
} from './messages.ts';

export interface PlanOutput {
  readonly shards: number;
  readonly samples: number;
  readonly points: number;
  readonly partitions: number;
  readonly notices: readonly string[];
  /** Samples that an earlier, interrupted execution of this run already put on the log. */
  readonly alreadySamples: number;
  /** True where tasks get smaller towards the end; absent in plans of release 0.1.0, whose tasks are of one size. */
  readonly tapered?: boolean;
}

export interface EncodeInput {
  readonly runDir: string;
  readonly configSha256: string;
  readonly task: EncodeTask;
  /** Samples that earlier attempts of this task already counted. */
  readonly countedSamples: number;
}

export interface EncodeOutput {
  /** Where the task stands: `shard === task.toShard` when it is complete, else where to go on (paused). */
  readonly from: { readonly shard: number; readonly batch: number };
  readonly samples: number;
  readonly skipped: readonly { readonly shard: number; readonly why: string }[];
}

export interface AggregateInput {
  readonly runDir: string;
  readonly configSha256: string;
  readonly partition: number;
  /** Every batch was sent: read to the log's present end and say what is missing, instead of waiting for it. */
  readonly allSent: boolean;
}

export interface AggregateOutput {
  readonly messages: number;
  /** Shards of which batches never arrived although the log was read to its end: they must be encoded again. */
  readonly missingShards: readonly number[];
}

export interface CommitInput {
  readonly sweep: SweepInput;
  readonly restarts: number;
  readonly skipped: readonly { readonly shard: number; readonly why: string }[];
  readonly startedAtMs: number;
}

export interface CommitOutput {
  readonly rows: Readonly<Record<string, number>>;
  readonly notices: readonly string[];
}

export interface LensPlanOutput {
  readonly tasks: number;
  /** Units of all tasks together, and what they are, in the plural. */
  readonly units: number;
  readonly unit: string;
  readonly partitions: number;
  readonly notices: readonly string[];
  /** Units of tasks whose rows an earlier, interrupted execution of this run already put on the log. */
  readonly alreadyUnits: number;
}

export interface LensTaskInput {
  readonly runDir: string;
  readonly configSha256: string;
  readonly work: LensWork;
}

export interface LensTaskOutput {
  /** False where the task was asked to stop before its end. */
  readonly done: boolean;
  /** Units that this execution measured; 0 for a task that a survey found on the log. */
  readonly units: number;
  /** Chunks that the broker has acknowledged. */
  readonly sent: number;
}

export interface LensCommitInput {
  readonly run: LensInput;
  readonly restarts: number;
  readonly startedAtMs: number;
}

/** An independent part of a commit: one stretch of points, or one span's regions. */
export type CommitPart =
  | { readonly kind: 'points'; readonly part: number; readonly from: number; readonly to: number }
  | { readonly kind: 'regions'; readonly span: number };

export interface CommitPartInput {
  readonly runDir: string;
  readonly configSha256: string;
  /** Temporary folder of the commit, where the tables are put together. */
  readonly folder: string;
  readonly part: CommitPart;
}

export interface CommitPartOutput {
  readonly rows: number;
  /** Regions: how many regions have each number of points. */
  readonly sizes: readonly (readonly [count: number, regions: number])[];
}

export interface MetflowPlanOutput {
  /** Groups of chains. */
  readonly groups: number;
  /** Chains of each group. */
  readonly chains: readonly number[];
  /** Draws of each chain to reach. */
  readonly draws: number;
  /** Draws of each chain that are collected already, by group. */
  readonly drawn: readonly number[];
  readonly partitions: number;
  readonly notices: readonly string[];
  /**
   * Updates of the training at most, null where nothing is trained; `trained` of them lie behind a checkpoint. It may
   * have `ended` early.
   */
  readonly training: { readonly steps: number; readonly trained: number; readonly ended: boolean } | null;
}

/** A run that has been planned. */
export interface PlannedInput {
  readonly runDir: string;
  readonly configSha256: string;
}

export interface TrainOutput {
  /** False where the training was asked to stop before its end. */
  readonly done: boolean;
  /** Updates behind the last checkpoint. */
  readonly step: number;
  readonly notices: readonly string[];
}

export interface SegmentInput extends PlannedInput {
  readonly group: number;
  /** Draws of each chain to reach in the end; a group that is there already does nothing. */
  readonly draws: number;
}

export interface SegmentOutput {
  readonly warmed: number;
  readonly drawn: number;
  readonly kernels: readonly KernelRate[];
  readonly notices: readonly string[];
}

export interface DiagnoseInput extends PlannedInput {
  /** `look`: at what is there, for the progress; `final`: of all draws, into tables. */
  readonly purpose: 'look' | 'final';
}

export interface DiagnoseOutput {
  /** Draws of each chain that were looked at. */
  readonly draws: number;
  /** Worst of all parameters; null where not defined. */
  readonly rHat: number | null;
  readonly essBulk: number | null;
  readonly essTail: number | null;
}

export interface MetflowCommitInput {
  readonly run: MetflowInput;
  readonly restarts: number;
  readonly startedAtMs: number;
  readonly trainingSeconds: number | null;
  readonly samplingSeconds: number;
  readonly notices: readonly string[];
}

export interface ImagesPlanOutput {
  /** Units of each task, and those of them that lie behind a checkpoint. */
  readonly tasks: readonly { readonly units: number; readonly done: number }[];
  readonly unit: string;
  readonly notices: readonly string[];
}

export interface ImageTaskInput extends PlannedInput {
  readonly task: number;
}

export interface ImageTaskOutput {
  /** False where the task was asked to stop before its end. */
  readonly done: boolean;
  /** Units behind its last checkpoint. */
  readonly units: number;
  readonly notices: readonly string[];
}

export interface ImagesCommitInput {
  readonly run: ImagesInput;
  readonly restarts: number;
  readonly startedAtMs: number;
  readonly notices: readonly string[];
}

/** Jobs in shared memory that any thread may take; what they compute only the kernel knows. */
export interface SharedJobs {
  readonly work: unknown;
  readonly counters: Int32Array;
}

/** Added by activities: which attempt succeeded, so that restarts can be counted. */
export interface Attempted {
  readonly attempt: number;
}

/** What each kind of thread work takes, reports and gives. */
export interface ThreadTasks {
  plan: { input: SweepInput; output: PlanOutput };
  encode: { input: EncodeInput; output: EncodeOutput };
  aggregate: { input: AggregateInput; output: AggregateOutput };
  commit: { input: CommitInput; output: CommitOutput };
  commitPart: { input: CommitPartInput; output: CommitPartOutput };
  planLens: { input: LensInput; output: LensPlanOutput };
  lensTask: { input: LensTaskInput; output: LensTaskOutput };
  collect: { input: AggregateInput; output: AggregateOutput };
  clusterJobs: { input: SharedJobs; output: null };
  commitLens: { input: LensCommitInput; output: CommitOutput };
  planMetflow: { input: MetflowInput; output: MetflowPlanOutput };
  trainFlow: { input: PlannedInput; output: TrainOutput };
  chainSegment: { input: SegmentInput; output: SegmentOutput };
  collectDraws: { input: AggregateInput; output: AggregateOutput };
  diagnoseChains: { input: DiagnoseInput; output: DiagnoseOutput };
  commitMetflow: { input: MetflowCommitInput; output: CommitOutput };
  planImages: { input: ImagesInput; output: ImagesPlanOutput };
  imageTask: { input: ImageTaskInput; output: ImageTaskOutput };
  commitImages: { input: ImagesCommitInput; output: CommitOutput };
}
