// What the activities need of the outside world. Adapters live in infra/, fakes in test/fakes.

import type { DatasetConfig, ModelConfig } from '#schemas/config.ts';
import type { PipelineFault } from '#schemas/errors.ts';
import type { BlobRef, ShardSpec, TapInfo } from '#schemas/sweep.ts';
import type { ThreadTasks } from '#schemas/tasks.ts';

/** A model input: `data` is row-major with shape `dims`; `dims[0]` is the number of samples. */
export interface InputTensor {
  readonly type: 'float32' | 'int64' | 'int32' | 'uint8';
  readonly data: Float32Array | BigInt64Array | Int32Array | Uint8Array;
  readonly dims: readonly number[];
}

/** One batch of samples as read from the data set. */
export interface InputBatch {
  /** Number of this batch within its shard, from 0. */
  readonly batch: number;
  readonly firstSample: number;
  readonly samples: number;
  /** `[samples, ...]`; text: `[sequences, contextTokens]` right-padded with 0. */
  readonly input: InputTensor;
  /** Class id per sample (text: per valid token, in order), -1 for none; null without labels. */
  readonly labels: Int32Array | null;
  /** Where each sample came from (file, row, document id); one per sample. */
  readonly sourceIds: readonly string[];
  /** `onError: skip`: samples that could not be read, ascending. They are zeros here, and no data: leave them out. */
  readonly skipped?: readonly SkippedSample[];
  /** Text only: valid tokens of each sequence, and index of its first token within its document. */
  readonly tokens: {
    readonly lengths: Int32Array;
    readonly firstTokenIndex: Int32Array;
    /** Per valid token: up to 8 tokens of text on each side, the token itself between « and ». */
    readonly contexts: readonly string[];
  } | null;
}

/** A sample that could not be read. */
export interface SkippedSample {
  /** Within its batch. */
  readonly index: number;
  /** File and member or row. */
  readonly where: string;
  readonly why: string;
}

/** What planning a data set finds. Shards carry `points` for text; for images points are counted by the caller. */
export interface DatasetPlan {
  readonly shards: readonly ShardSpec[];
  readonly samples: number;
  /** Text: number of tokens. Images: equal to `samples`. */
  readonly points: number;
  readonly labelNames: readonly string[] | null;
  readonly classes: number | null;
  readonly files: readonly { readonly file: string; readonly sha256: string; readonly bytes: number }[];
  readonly skipped: readonly { readonly file: string; readonly why: string }[];
  /** Shape of one sample after the transform; text: `[contextTokens]`. */
  readonly sampleShape: readonly number[];
}

/** Streams one data set; one file per format in infra/datasets. */
export interface DatasetReader {
  /** Reads as little as it can to cut shards, count rows and name labels. Heartbeats through `onProgress`. */
  plan(options: {
    readonly batchRows: number;
    readonly signal?: AbortSignal;
    readonly onProgress?: (note: string) => void;
  }): Promise<DatasetPlan>;
  /** Yields the shard's batches from `fromBatch` on. With `onError: skip` an undecodable sample is zeros with label -1 and listed as `skipped`. Buffers may be reused between batches: use one before asking for the next, of this or another shard. */
  read(
    shard: ShardSpec,
    options: {
      readonly plan: Pick<DatasetPlan, 'labelNames' | 'sampleShape'>;
      readonly batchRows: number;
      readonly fromBatch: number;
      readonly signal?: AbortSignal;
    },
  ): AsyncIterable<InputBatch>;
  close(): Promise<void>;
}

export type OpenDataset = (config: DatasetConfig) => Promise<DatasetReader>;

/** What a model offers, before any session is made. */
export interface ModelInfo {
  readonly runtime: 'onnx' | 'tfjs';
  readonly sha256: string;
  readonly input: {
    readonly name: string;
    readonly type: InputTensor['type'];
    readonly dims: readonly (number | null)[];
  };
  readonly output: { readonly name: string; readonly dims: readonly (number | null)[] } | null;
  /** Every tap that was found, in layer order (`codeBits` for the asked granularity; 0 where a size is dynamic). */
  readonly taps: readonly TapInfo[];
  /** Operator types that are not piecewise linear, with how often each occurs: what makes codes inexact polytopes. */
  readonly inexact: readonly { readonly op: string; readonly count: number }[];
  readonly operators: readonly { readonly op: string; readonly count: number }[];
  /** What exact geometry makes of the model; absent where the runtime has none. */
  readonly geometry?: GeometryInfo;
}

/**
 * What an operator is to the values that flow through it. `constant`: they do not reach it. `behind the logits`: it only turns
 * logits into an answer. `not supported`: it may be piecewise linear, but exact geometry does not know it.
 */
export type OperatorKind =
  | 'affine'
  | 'piecewise linear'
  | 'not piecewise linear'
  | 'not supported'
  | 'constant'
  | 'behind the logits';

/** Where exact geometry may start, and what stands in its way. */
export interface GeometryInfo {
  readonly operators: readonly { readonly op: string; readonly kind: OperatorKind; readonly count: number }[];
  /** Spaces in graph order, with the operators behind each that make it inexact; null where the input's shape is open. */
  readonly startSpaces:
    | readonly {
        readonly name: string;
        readonly shape: readonly number[];
        readonly tapsBefore: number;
        readonly inexact: readonly string[];
      }[]
    | null;
}

export interface SessionOptions {
  readonly model: ModelConfig;
  readonly seed: number;
  readonly granularity: 'image' | 'position';
  /** Shape of one sample (without the batch dimension). */
  readonly sampleShape: readonly number[];
  /** Fixed number of samples of every batch: short batches are padded by the session, so shapes never change. */
  readonly batchSamples: number;
  /** Number of threads of this session, at least 1. */
  readonly threads: number;
  /** Way of packing; `auto` measures them and keeps the fastest. */
  readonly packing: string;
  /** Also count bits whose sign rounding could change (`|z| < 1e-5 (|w||a| + |b|)`), per row. */
  readonly countAmbiguous: boolean;
  /** A tensor that is fed in place of the input; what it was made of is left out. @default the input */
  readonly from?: string;
}

/** Codes of one batch. Buffers belong to the session and are overwritten by the next call. */
export interface EncodedBatch {
  /** Per tap `[rows, 4 * ceil(codeBits / 32)]`, rows = samples x tap.height x tap.width for positions, sequences x tokens for text, else samples. Padding samples are cut off. */
  readonly codes: readonly Uint8Array[];
  /** `[samples(, tokens), classes]` logits; null where the model has no such float output, or `predicted` stands instead. */
  readonly logits: { readonly data: Float32Array; readonly classes: number } | null;
  /** Per logit row the argmax class and its softmax probability: computed inside the graph where classes are very many. */
  readonly predicted?: { readonly classes: BigInt64Array; readonly probabilities: Float32Array };
  /** Per tap: share of pre-activations with |z| < 2 in this batch as a sum (divide by rows x bits), NaN where the activation is piecewise linear. */
  readonly softCounts: Float64Array;
  /** Per tap and row: number of pre-activations with |z| < 2, null where the activation is piecewise linear. Lets padding rows be left out. */
  readonly soft?: readonly (Uint32Array | null)[];
  /** `[samples]` L2 norm of each input sample, or null for token ids. */
  readonly inputNorms: Float32Array | null;
  /** Per tap and row: number of ambiguous bits; null unless asked for. */
  readonly ambiguous: readonly Uint32Array[] | null;
}

export interface EncoderSession {
  readonly taps: readonly TapInfo[];
  /** What really runs: `onnxruntime-node/cpu`, `tfjs/wasm`, ... */
  readonly backend: string;
  /** The way of packing that was kept. */
  readonly packing: string;
  /** Fallbacks taken on the way to this session, for people. */
  readonly notices?: readonly string[];
  /** @throws PipelineError `non-finite-input` naming the first row whose pre-activations are not finite. */
  encode(input: InputTensor): Promise<EncodedBatch>;
  close(): Promise<void>;
}

export interface ModelLoader {
  inspect(
    model: Pick<ModelConfig, 'file' | 'taps' | 'input'>,
    options: { readonly granularity: 'image' | 'position' },
  ): Promise<ModelInfo>;
  open(options: SessionOptions): Promise<EncoderSession>;
}

/** One message of a run's log, as it goes to one partition. Kinds are the sweep's, or names of an experiment's tables. */
export interface CodeMessage {
  readonly partition: number;
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: {
    readonly kind: string;
    readonly run: string;
    readonly shard: number;
    readonly batch: number;
  };
}

export interface ReceivedMessage extends Omit<CodeMessage, 'partition' | 'key'> {
  readonly offset: bigint;
}

/** What one fetch brought. Values are good until the next is asked for: copy what is kept. */
export interface FetchedMessages {
  readonly messages: readonly ReceivedMessage[];
  /** Offset behind the partition's last message at that time. */
  readonly high: bigint;
}

/** The log of encoded batches: a Kafka topic per run. */
export interface CodeLog {
  createTopic(topic: string, options: { readonly partitions: number }): Promise<void>;
  /**
   * Resolves when the broker has acknowledged every message. Waits before it sends while a partition's reader lies too far
   * behind; an aborted signal ends that wait, not the sending.
   */
  append(
    topic: string,
    messages: readonly CodeMessage[],
    options: { readonly signal: AbortSignal; readonly onWait?: () => void },
  ): Promise<void>;
  /** First and next offset of a partition. */
  offsets(topic: string, partition: number): Promise<{ readonly low: bigint; readonly high: bigint }>;
  /**
   * Messages from `from` on, in order, until `signal` aborts or the consumer returns. Writers are told how far it has come.
   * @throws PipelineError `log-truncated` where the log no longer has the next one.
   */
  read(
    topic: string,
    partition: number,
    options: {
      readonly from: bigint;
      readonly signal: AbortSignal;
      /** The broker may gather so much before it answers. @default whatever reads best */
      readonly gatherBytes?: () => number;
    },
  ): AsyncIterable<FetchedMessages>;
  deleteTopic(topic: string): Promise<void>;
}

/** Content-addressed blobs and atomically named files of one storage root (a folder, or a prefix in S3). */
export interface BlobStore {
  put(bytes: Uint8Array): Promise<BlobRef>;
  get(ref: BlobRef): Promise<Uint8Array>;
  /** The name appears whole or not at all. */
  writeFile(name: string, bytes: Uint8Array): Promise<void>;
  readFile(name: string): Promise<Uint8Array>;
  list(folder: string): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
}

/** Runs work in threads. Aborting `signal` asks the task to stop at the next batch and return where it is. */
export interface Compute {
  run<Name extends keyof ThreadTasks>(
    name: Name,
    input: ThreadTasks[Name]['input'],
    options: { readonly signal: AbortSignal; readonly onProgress: (report: unknown) => void },
  ): Promise<ThreadTasks[Name]['output']>;
}

/** Keeps run.json. */
export interface RunRecords {
  markEnded(runDir: string, status: 'failed' | 'cancelled', fault: PipelineFault | null): Promise<void>;
}
