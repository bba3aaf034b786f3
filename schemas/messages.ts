// Inputs, results, signals and queries of the workflows: what the CLI and the workflows agree on.

import type { PipelineFault } from './errors.ts';
import type { SweepConfig } from './config.ts';
import type { LensConfig } from './lens-config.ts';
import type { MetflowConfig } from './metflow-config.ts';
import type { ImagesConfig } from './metflow-images.ts';

/** Workflow ids are `tessera/run/<run>` whatever its kind; task queues are in temporal.config.ts. */
export function runWorkflowId(runId: string): string {
  return `tessera/run/${runId}`;
}

export type RunConfig = SweepConfig | LensConfig | MetflowConfig | ImagesConfig;

/** What every workflow of a run is started with. All paths in `config` are absolute. */
export interface RunInput<Config extends RunConfig = RunConfig> {
  readonly runId: string;
  readonly config: Config;
  /** SHA-256 of the resolved config without `run` and `output.dir`, paths relative to the config file, hex. */
  readonly configSha256: string;
  /** Absolute folder of this run: `<output.dir>/<run>`. */
  readonly runDir: string;
}

/** Input of the `corpusSweep` workflow. */
export interface SweepInput extends RunInput<SweepConfig> {
  /** Carried over continue-as-new; absent at the start. */
  readonly carried?: SweepCarried | undefined;
}

/** Input of the `lensExperiment` workflow. */
export interface LensInput extends RunInput<LensConfig> {
  /** Carried over continue-as-new; absent at the start. */
  readonly carried?: LensCarried | undefined;
}

/** Input of the `metflowExperiment` workflow. */
export interface MetflowInput extends RunInput<MetflowConfig> {
  /** Draws of each chain where they are more than the config's: the run is extended. */
  readonly draws?: number;
}

/** Input of the `imageExperiment` workflow. */
export type ImagesInput = RunInput<ImagesConfig>;

/** Input of the child workflow `metflowChains`: one group of chains. */
export interface ChainsInput {
  readonly runDir: string;
  readonly configSha256: string;
  readonly group: number;
  /** Draws of each chain to reach. */
  readonly draws: number;
  readonly paused: boolean;
  /** Time of the workflow that started it first, for reports that grow rarer with time. */
  readonly startedAtMs: number;
  /** Carried over continue-as-new. */
  readonly carried?: { readonly restarts: number };
}

/** What a group of chains tells of itself: to the run's workflow from time to time, and at its end. */
export interface ChainsReport {
  readonly group: number;
  /** Draws of each of its chains. */
  readonly drawn: number;
  readonly restarts: number;
  readonly kernels: readonly KernelRate[];
  readonly notices: readonly string[];
}

/** How often a kernel's proposals were accepted, and of how many steps. */
export interface KernelRate {
  readonly kernel: string;
  readonly steps: number;
  readonly acceptance: number;
}

/** What the chains say so far, over all of them. */
export interface ChainsProgress {
  readonly kernels: readonly KernelRate[];
  /** Worst of all parameters at the last look, null before the first and where it is not defined. */
  readonly rHat: number | null;
  readonly essBulk: number | null;
  readonly essTail: number | null;
  /** Draws of each chain that these three are of. */
  readonly lookedAt: number;
}

/** What every run carries over continue-as-new. */
export interface RunCarried<Task> {
  readonly layoutVersion: 1;
  readonly nextTask: number;
  readonly doneSamples: number;
  readonly restarts: number;
  readonly paused: boolean;
  /** Unfinished tasks with the place they go on from. */
  readonly open: readonly Task[];
  readonly startedAtMs: number;
}

export interface SweepCarried extends RunCarried<EncodeTask> {
  readonly skipped: readonly { readonly shard: number; readonly why: string }[];
}

export type LensCarried = RunCarried<LensWork>;

/** A stretch of consecutive shards that one activity encodes; `from` moves as the work is acknowledged. */
export interface EncodeTask {
  readonly task: number;
  readonly from: { readonly shard: number; readonly batch: number };
  /** First shard that is no longer part of the task. */
  readonly toShard: number;
  /** Encode even what a survey of the log found there: it was lost since. */
  readonly again?: true;
}

/** A task of the lens plan, by its number. */
export interface LensWork {
  readonly task: number;
  /** Chunks that the broker has acknowledged: computed again, but not sent again. */
  readonly sent: number;
  /** Measure even what a survey of the log found there: it was lost since. */
  readonly again?: true;
}

/** In the order in which runs go through them; each kind of run has some. */
export const RUN_PHASES = [
  'planning',
  'encoding',
  'computing',
  'training',
  'sampling',
  'aggregating',
  'collecting',
  'diagnosing',
  'committing',
  'done',
  'failed',
  'cancelled',
] as const;

export type RunPhase = (typeof RUN_PHASES)[number];

/** Answer of the `progress` query. Live counts inside running activities come from their heartbeats ({@link EncodeHeartbeat}). */
export interface RunProgress {
  readonly runId: string;
  readonly phase: RunPhase;
  readonly paused: boolean;
  /** What `points` counts, in the plural: rows, pairs, slices, ... */
  readonly unit: string;
  readonly samples: number;
  readonly points: number;
  /** Samples of finished tasks, and of unfinished ones up to where they were last handed back. */
  readonly doneSamples: number;
  readonly restarts: number;
  readonly startedAtMs: number;
  readonly notices: readonly string[];
  /** Runs whose plan is cut into tasks, once there is one. */
  readonly tasks?: TaskProgress;
  /** Runs of chains only, from the first report on. */
  readonly chains?: ChainsProgress;
}

/** Tasks of a plan, and how many of them nobody has been given yet. */
export interface TaskProgress {
  /** What a task is, in the plural. */
  readonly name: 'shards' | 'shard groups' | 'tasks';
  readonly total: number;
  readonly waiting: number;
}

/** Heartbeat of `encodeShards`, visible through `describe().pendingActivities`. A pointer, never state. */
export interface EncodeHeartbeat {
  readonly at: 'encode';
  readonly shard: number;
  readonly batch: number;
  /** Samples acknowledged by the broker in this task since it was scheduled. */
  readonly samples: number;
  /** The task waits for aggregation, which lies too far behind. */
  readonly waits?: true;
}

/** Heartbeat of `aggregateRegions`, `collectRows` and `collectDraws`. */
export interface AggregateHeartbeat {
  readonly at: 'aggregate';
  readonly partition: number;
  readonly offset: string;
  readonly messages: number;
  /** Messages on the log that are not read yet. */
  readonly lag: number;
}

/** Heartbeat of `runLensTask`. */
export interface LensHeartbeat {
  readonly at: 'lens';
  readonly task: number;
  /** Units (pairs, points, ...) of the task that are done. */
  readonly units: number;
  /** Chunks of the task that the broker has acknowledged. */
  readonly sent: number;
  /** The task waits for the collectors, which lie too far behind. */
  readonly waits?: true;
}

/** Heartbeat of `trainFlow`. */
export interface TrainHeartbeat {
  readonly at: 'train';
  readonly step: number;
  readonly elbo: number | null;
}

/** Heartbeat of `runChainSegment`. */
export interface SegmentHeartbeat {
  readonly at: 'segment';
  readonly group: number;
  readonly drawn: number;
}

/** Heartbeat of `runImageTask`. */
export interface ImageHeartbeat {
  readonly at: 'images';
  readonly task: number;
  /** Units of the task that are done, from its start. */
  readonly units: number;
  /** Those that were done when this activity began. */
  readonly from: number;
  readonly elbo: number | null;
}

/** Result of a finished run. */
export interface RunResult {
  readonly runId: string;
  readonly status: 'done';
  readonly runDir: string;
  readonly rows: Readonly<Record<string, number>>;
  readonly restarts: number;
  readonly notices: readonly string[];
}

/** `run.json`: everything about a run that Parquet cannot hold, and the wall-clock facts that would break byte identity there. */
export interface RunManifest {
  readonly runId: string;
  readonly kind: RunConfig['kind'];
  readonly status: 'running' | 'done' | 'failed' | 'cancelled';
  readonly config: RunConfig;
  readonly configSha256: string;
  /** Null where a run reads no model (compare). */
  readonly model: ModelRecord | null;
  /** Null where a run reads no data set. */
  readonly data: DataRecord | null;
  /** Other files that the result depends on, such as decoders. */
  readonly files?: readonly SourceFile[];
  readonly versions: Readonly<Record<string, string>>;
  readonly createdAt: string;
  readonly finishedAt?: string;
  readonly seconds?: number;
  readonly rows?: Readonly<Record<string, number>>;
  readonly restarts?: number;
  readonly skipped: readonly { readonly file: string; readonly why: string }[];
  readonly notices: readonly string[];
  /** Lens: what was found, as in claims.parquet. */
  readonly claims?: readonly Readonly<Record<string, string | number | null>>[];
  /** MetFlow: rows of diagnostics, kernel_health, modes, region_summary and bounds. */
  readonly chains?: ChainSummary;
  /** Autoencoders: the nets that it left, by their place in its folder. */
  readonly nets?: readonly SourceFile[];
  /** Autoencoders: rows of vae_likelihood; in-painting: of inpainting_summary. */
  readonly summary?: readonly SummaryRow[];
  readonly fault?: PipelineFault;
}

export type SummaryRow = Readonly<Record<string, string | number | boolean | null>>;

/** The regions of a span with most mass under the target, as region_mass has them. */
export interface SpanMasses {
  readonly span: string;
  /** By mass; `region` is the digest in hex. */
  readonly heaviest: readonly SummaryRow[];
  /** All that is not named: mass, and share of the data where there are any. */
  readonly rest: SummaryRow;
  /** Regions with a row of their own; those with a reliable error, and their mass. */
  readonly rows: number;
  readonly reliableRows: number;
  readonly reliableMass: number;
}

/** What the chains of a run came to, as its small tables hold it; null for what is not a number. */
export interface ChainSummary {
  /** Draws of each chain. */
  readonly draws: number;
  readonly trainingSeconds: number | null;
  readonly samplingSeconds: number;
  readonly diagnostics: readonly SummaryRow[];
  readonly kernels: readonly SummaryRow[];
  readonly modes: readonly SummaryRow[];
  readonly regions: readonly SummaryRow[];
  /** Rows of level_mass; absent in runs of earlier versions. */
  readonly levels?: readonly SummaryRow[];
  /** Absent in runs of earlier versions. */
  readonly masses?: readonly SpanMasses[];
  /** Bounds of the trained laws. */
  readonly bounds: readonly SummaryRow[];
}

export interface ModelRecord {
  readonly file: string;
  readonly sha256: string;
  readonly backend: string;
  /** Way of packing codes; null where none are packed in the graph. */
  readonly packing: string | null;
}

/** A file by its key in the config. */
export interface SourceFile {
  readonly key: string;
  readonly file: string;
  readonly sha256: string;
}

export interface DataRecord {
  readonly sha256: string;
  readonly files: readonly { readonly file: string; readonly sha256: string; readonly bytes: number }[];
}

/** Message types as plain names, so the CLI needs nothing from the workflow bundle. */
export const SIGNAL_PAUSE = 'pause';
export const SIGNAL_RESUME = 'resume';
/** More draws, as a number: of a run of chains that goes on. */
export const SIGNAL_EXTEND = 'extend';
/** A group of chains reports to its run. */
export const SIGNAL_CHAINS = 'chains';
export const QUERY_PROGRESS = 'progress';
/** Name of the workflow of a run. */
export function workflowOf(config: RunConfig): string {
  if (config.kind === 'sweep') return 'corpusSweep';
  if (config.kind === 'lens') return 'lensExperiment';
  return 'experiment' in config ? 'imageExperiment' : 'metflowExperiment';
}

/** Starts each run under `<run>-<UTC time>`, in its own folder: a run id is never used for two results. */
export const SCHEDULED_WORKFLOW = 'scheduledRun';
