// What an experiment is: a plan, measurements that are cut into tasks, and a conclusion. One experiment is one file and one
// row in experiments.ts; the pipeline brings the rest (fan-out, resume, the log, tables, run.json).

import type { TableDef } from '#schemas/columns/column.ts';
import type { LensConfig } from '#schemas/lens-config.ts';
import type { Claim } from '../polytope/claim.ts';
import type { RunBlocks } from '../polytope/neighbour-kernel.ts';
import type { InputTensor } from '../ports.ts';
import type { ModelVariant, Network } from './network.ts';

/** One value of a row: lists for list columns, bytes for binary and fixed columns. */
export type Cell =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly number[]
  | Int32Array
  | Float32Array
  | Float64Array;

/** Rows of one table, column by column; `run_id` is added when they are written. */
export interface TableRows {
  /** Name of one of the experiment's tables. */
  readonly table: string;
  readonly rows: number;
  /** `[rows]` each. */
  readonly columns: Readonly<Record<string, ArrayLike<Cell>>>;
}

/** Samples of the data set by number. A sample is an image, a vector, or a sequence of tokens. */
export interface Samples {
  readonly count: number;
  /** Shape of one sample; text: `[contextTokens]`. */
  readonly shape: readonly number[];
  readonly labelNames: readonly string[] | null;
  readonly classes: number | null;
  /** `[count]` class of every sample, -1 for none; null without labels. Not for text, where labels belong to tokens. */
  labels(): Promise<Int32Array | null>;
  /** Reads samples in the order asked; the same number may be asked for twice. */
  read(numbers: ArrayLike<number>): Promise<SampleBatch>;
}

export interface SampleBatch {
  /** `[samples, ...shape]` */
  readonly input: InputTensor;
  /** `[samples]`, text: per valid token in order; null without labels. */
  readonly labels: Int32Array | null;
  readonly sourceIds: readonly string[];
  /** Text only: valid tokens of each sequence, and per valid token its text with neighbours, itself between « and ». */
  readonly tokens: { readonly lengths: Int32Array; readonly contexts: readonly string[] } | null;
}

/** Units `[from, to)` of what the plan lists for one model. Tasks run in any order, on any worker, perhaps twice. */
export interface LensTask {
  readonly variant: ModelVariant;
  readonly from: number;
  readonly to: number;
}

/** What is measured. Written to plan.json, so `design` holds JSON values only. */
export interface ExperimentPlan<Design> {
  /** What is counted, in the plural: `pairs`, `points`, `slices`. */
  readonly unit: string;
  readonly tasks: readonly LensTask[];
  readonly design: Design;
  /** Samples that the points table describes, ascending; none for text. */
  readonly points: readonly number[];
  /** Points that the statistics of the layers table are about. @default the samples of `points` */
  readonly coded?: CodedPoints;
  /** What people should know: fallbacks, what was left out. */
  readonly notices: readonly string[];
}

/** Points whose codes are looked at, layer by layer. */
export interface CodedPoints {
  /** Points of one sample: 1 for images, tokens of a sequence for text. */
  readonly stride: number;
  /** `[points]` numbers `sample * stride + token`, ascending. */
  readonly points: readonly number[];
  /** Whether the codes themselves become rows of the codes table. */
  readonly areKept: boolean;
}

interface Context<Config> {
  readonly config: Config;
  readonly signal: AbortSignal;
}

/** Also gives the controls of the config, trained first: see {@link ModelVariant}. */
export interface PlanContext<Config> extends Context<Config> {
  /** Null where the config names no data set. */
  readonly samples: Samples | null;
  readonly variants: readonly ModelVariant[];
  network(variant: ModelVariant): Promise<Network>;
}

export interface MeasureContext<Config, Design> extends PlanContext<Config> {
  readonly design: Design;
  /** Hands jobs of a kernel to other threads too; absent where there are none. */
  readonly runBlocks?: RunBlocks;
  /** Columns of a table of a finished run, rows in file order; what `compare` reads. */
  readRun(runDir: string, table: string, columns: readonly string[]): Promise<ReadTable>;
}

/** What a task found since the chunk before. */
export interface Chunk {
  /** Units of the task that are done, this chunk's included. */
  readonly units: number;
  readonly rows: readonly TableRows[];
}

/** Columns as they were written: typed arrays for numbers, arrays for the rest; null for missing values. */
export interface ReadTable {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ArrayLike<Cell>>>;
}

export interface ConcludeContext<Config, Design> extends Context<Config> {
  readonly design: Design;
  readonly variants: readonly ModelVariant[];
  readonly labelNames: readonly string[] | null;
  /** Rows that the tasks wrote, ordered by task, chunk and row. */
  read(table: string, columns: readonly string[]): Promise<ReadTable>;
}

export interface Conclusion {
  readonly claims: readonly Claim[];
  /** Tables that follow from the measurements. */
  readonly rows: readonly TableRows[];
  readonly notices: readonly string[];
}

/**
 * One experiment. Everything is a function of its arguments: the same config gives the same plan, the same task the same
 * chunks, whoever runs it.
 */
export interface Experiment<Config extends LensConfig = LensConfig, Design = unknown> {
  readonly name: Config['experiment'];
  /** Tables besides runs, layers, points and claims, in the order they are described. */
  readonly tables: readonly TableDef[];
  plan(context: PlanContext<Config>): Promise<ExperimentPlan<Design>>;
  /** @throws PipelineError as its parts do; a chunk holds at most some 100,000 rows. */
  measure(task: LensTask, context: MeasureContext<Config, Design>): AsyncIterable<Chunk>;
  conclude(context: ConcludeContext<Config, Design>): Promise<Conclusion>;
}
