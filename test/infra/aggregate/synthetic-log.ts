// A code log made of seeded random codes, encoded by the real message encoder: what the aggregator sees,
// without a model.

import { sweepConfig } from '#schemas/config.ts';
import type { SweepPlan, TapInfo } from '#schemas/sweep.ts';
import { randomStream } from '../../../activities/numeric/rng.ts';
import { imagePoints } from '../../../activities/polytope/batch-rows.ts';
import type { CodeMessage, InputBatch, ReceivedMessage } from '../../../activities/ports.ts';
import { batchMessages } from '../../../infra/arrow/encode-batch.ts';

export interface SyntheticOptions {
  readonly rows: number;
  readonly shardRows?: number;
  readonly batchRows?: number;
  readonly partitions?: number;
  /** Bits of each tap. */
  readonly tapBits?: readonly number[];
  /** Number of distinct inputs: rows with the same one have the same code. */
  readonly inputs?: number;
  readonly classes?: number;
  readonly seed?: number;
  readonly keep?: 'none' | 'digests' | 'words';
  readonly exemplars?: number;
  /** Number of the span that is recorded as digests only. */
  readonly wideSpan?: number;
}

/** A plan as planning would make it. */
export function syntheticPlan(options: SyntheticOptions): SweepPlan {
  const {
    rows,
    shardRows = 256,
    batchRows = 64,
    partitions = 2,
    tapBits = [10, 40],
    classes = 3,
    seed = 0,
  } = options;
  const { keep = 'digests', exemplars = 4, wideSpan = -1 } = options;
  const config = sweepConfig.parse({
    kind: 'sweep',
    seed,
    model: { file: 'models/synthetic.onnx' },
    dataset: { format: 'npy', data: 'synthetic.npy', shardRows },
    codes: { keep },
    stream: { partitions, batchRows },
    output: { exemplars },
  });
  const taps = tapBits.map((codeBits, i): TapInfo => {
    return {
      name: `layer${i}`,
      kind: 'dense',
      activation: 'relu',
      channels: codeBits,
      height: 1,
      width: 1,
      codeBits,
      exact: true,
    };
  });
  const bytesOf = (bits: number) => ((bits + 31) >>> 5) * 4;
  const layers = taps.map(({ name, codeBits }, i) => ({ name, taps: [i], codeBytes: bytesOf(codeBits) }));
  const all = {
    name: 'network',
    taps: taps.map((_, i) => i),
    codeBytes: layers.reduce((sum, { codeBytes }) => sum + codeBytes, 0),
  };
  const shards = Array.from({ length: Math.ceil(rows / shardRows) }, (_, shardId) => {
    const first = shardId * shardRows;
    const samples = Math.min(shardRows, rows - first);
    const batches = Math.ceil(samples / batchRows);
    return {
      shardId,
      firstSample: first,
      samples,
      firstPoint: first,
      points: samples,
      batches,
      locator: null,
    };
  });
  return {
    runId: 'synthetic',
    configSha256: `config-${seed}`,
    config,
    taps,
    spans: [...layers, all].map((span, i) => ({ ...span, digestOnly: i === wideSpan })),
    grids: [{ height: 1, width: 1, taps: taps.map((_, i) => i) }],
    shards,
    points: rows,
    samples: rows,
    sampleShape: [1],
    batchRows,
    labelNames: classes === 0 ? null : Array.from({ length: classes }, (_, i) => `class ${i}`),
    classes: classes === 0 ? null : classes,
    countClasses: true,
    model: { file: 'synthetic.onnx', sha256: 'aa', runtime: 'onnx', backend: 'synthetic', packing: 'none' },
    data: { files: [{ file: 'synthetic.npy', sha256: 'bb', bytes: 1 }], sha256: 'cc' },
    skipped: [],
    notices: [],
    topic: 'synthetic',
  };
}

/** Code words and labels of rows: pure functions of the row, so that tests can count for themselves. */
export interface SyntheticRows {
  /** Per tap `[rows, wordsPerRow]`. */
  readonly words: readonly Uint32Array[];
  readonly labels: Int32Array;
}

/** Draws rows `[from, to)`. Inputs are skewed: low numbers are frequent. */
export function syntheticRows(
  plan: SweepPlan,
  options: SyntheticOptions,
  from: number,
  to: number,
): SyntheticRows {
  const { inputs = 50, classes = 3, seed = 0 } = options;
  const words = plan.taps.map(({ codeBits }) => new Uint32Array((to - from) * ((codeBits + 31) >>> 5)));
  const labels = new Int32Array(to - from).fill(-1);
  for (let row = from; row < to; row++) {
    const draw = randomStream(seed, 1, row);
    const input = Math.floor(draw.uniform() ** 2 * inputs);
    if (classes > 0)
      labels[row - from] = (input + (draw.uniform() < 0.8 ? 0 : draw.below(classes))) % classes;
    plan.taps.forEach(({ codeBits }, tap) => {
      const width = (codeBits + 31) >>> 5;
      const code = randomStream(seed, 2, input, tap);
      for (let word = 0; word < width; word++) {
        const bits = Math.min(32, codeBits - word * 32);
        words[tap]![(row - from) * width + word] = code.uint32() >>> (32 - bits);
      }
    });
  }
  return { words, labels };
}

/** The messages of every batch, as encoders would append them. */
export function* syntheticMessages(plan: SweepPlan, options: SyntheticOptions): Generator<CodeMessage[]> {
  for (const shard of plan.shards) {
    for (let batch = 0; batch < shard.batches; batch++) {
      const { batchRows } = plan.config.stream;
      const first = shard.firstSample + batch * batchRows;
      const samples = Math.min(batchRows, shard.firstSample + shard.samples - first);
      yield encodeRows(
        plan,
        { shard: shard.shardId, batch, first },
        syntheticRows(plan, options, first, first + samples),
      );
    }
  }
}

/** One batch of rows as messages. */
export function encodeRows(
  plan: SweepPlan,
  at: { shard: number; batch: number; first: number },
  rows: SyntheticRows,
): CodeMessage[] {
  const samples = rows.labels.length;
  const labels = plan.classes === null ? null : rows.labels;
  const input: InputBatch = {
    batch: at.batch,
    firstSample: at.first,
    samples,
    input: { type: 'float32', data: new Float32Array(samples), dims: [samples, 1] },
    labels,
    sourceIds: Array.from({ length: samples }, (_, i) => `synthetic.npy:${at.first + i}`),
    tokens: null,
  };
  const codes = rows.words.map((words) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  const softCounts = new Float64Array(codes.length).fill(Number.NaN);
  const encoded = { codes, logits: null, softCounts, inputNorms: null, ambiguous: null };
  const points = imagePoints(plan, { samples, firstPoint: at.first, labels });
  return batchMessages({ plan, shard: at.shard, input, points, encoded });
}

/** Messages of one partition with offsets, as a consumer receives them. */
export function received(messages: Iterable<CodeMessage>, partition: number): ReceivedMessage[] {
  const own = [...messages].filter((message) => message.partition === partition);
  return own.map(({ value, headers }, i) => ({ value, headers, offset: BigInt(i) }));
}
