// What the sweep's workflow and activities say to each other. Small by design: rows never cross a payload.

import type { SweepConfig } from './config.ts';

/** A blob named by its content; the bytes lie in the run's blob folder. */
export interface BlobRef {
  readonly sha256: string;
  readonly bytes: number;
}

/** One contiguous range of samples of the data set. `locator` is the reader's own business (offsets, files, row groups). */
export interface ShardSpec {
  readonly shardId: number;
  /** Number of the shard's first sample (image, or token sequence) in the data set. */
  readonly firstSample: number;
  readonly samples: number;
  /** Number of the shard's first point: the row id of the first code row. */
  readonly firstPoint: number;
  readonly points: number;
  readonly batches: number;
  readonly locator: unknown;
}

/** Geometry of one tap after the model was opened. */
export interface TapInfo {
  /** The pre-activation's tensor name; it is also the name of the tap's `layer` span. */
  readonly name: string;
  readonly kind: 'dense' | 'conv' | 'pool' | 'mlp_block';
  readonly activation: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Bits in one code row: channels x height x width for images, channels for positions and tokens. */
  readonly codeBits: number;
  /** True where the activation is piecewise linear, so the code names an exact polytope. */
  readonly exact: boolean;
}

/** A span: the code columns that are hashed together. `network` concatenates all taps of one grid. */
export interface SpanInfo {
  readonly name: string;
  /** Indices into the taps, in order. */
  readonly taps: readonly number[];
  /** Word-padded bytes of the span's code row. */
  readonly codeBytes: number;
  /** Wide spans travel and are stored as digests only. */
  readonly digestOnly: boolean;
}

/** One grid of code positions within a sample: `1x1` for dense taps and whole images, and for tokens. */
export interface GridInfo {
  readonly height: number;
  readonly width: number;
  /** Indices into the taps whose codes lie on this grid. */
  readonly taps: readonly number[];
}

/** Everything that encoders, aggregators and the commit need to know; a blob, because shards can be many. */
export interface SweepPlan {
  readonly runId: string;
  readonly configSha256: string;
  readonly config: SweepConfig;
  readonly taps: readonly TapInfo[];
  readonly spans: readonly SpanInfo[];
  readonly grids: readonly GridInfo[];
  readonly shards: readonly ShardSpec[];
  readonly points: number;
  readonly samples: number;
  /** Shape of one sample as the model takes it; text: `[contextTokens]`. */
  readonly sampleShape: readonly number[];
  /** Rows per batch as the data set counts them: images, or tokens. */
  readonly batchRows: number;
  /** Label names by class id, or null where labels are bare integers or absent. */
  readonly labelNames: readonly string[] | null;
  /** Number of classes seen by planning, or null where labels are absent. */
  readonly classes: number | null;
  /** Whether unit counts are kept per class; false where classes x bits would not fit, then mutual information is null. */
  readonly countClasses: boolean;
  readonly model: {
    readonly file: string;
    readonly sha256: string;
    readonly runtime: string;
    readonly backend: string;
    readonly packing: string;
  };
  readonly data: {
    readonly files: readonly { readonly file: string; readonly sha256: string; readonly bytes: number }[];
    readonly sha256: string;
  };
  /** Files that planning left out (`dataset.onError: skip`). */
  readonly skipped: readonly { readonly file: string; readonly why: string }[];
  /** Things the user should know: fallbacks taken, spans left out. */
  readonly notices: readonly string[];
  readonly topic: string;
}
