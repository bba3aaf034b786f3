// Spline codes of draws: each draw is the model's input, its code the signs of all taps, its digest that of the span
// `network`, as a sweep with granularity `image` gives it.

import { PipelineError } from '#schemas/errors.ts';
import type { ModelRecord } from '#schemas/messages.ts';
import type { MetflowConfig } from '#schemas/metflow-config.ts';
import { digestRows, spanSeed } from '../../activities/polytope/digest.ts';
import type { EncoderSession } from '../../activities/ports.ts';
import { modelLoader } from '../models/registry.ts';

/** Draws of one model call. */
const BATCH_ROWS = 256;
const DIGEST_BYTES = 16;

type Model = NonNullable<MetflowConfig['model']>;

/** Gives draws their digests. */
export interface DrawCoder extends AsyncDisposable {
  readonly backend: string;
  /** @param z - `[rows, dim]`. @returns `[rows, 16]` bytes. @throws PipelineError `non-finite-input`. */
  digests(z: Float64Array): Promise<Uint8Array>;
}

/**
 * Opens the model for draws of a dimension.
 * @throws PipelineError `shape-mismatch` where its input has another size, or as opening a model does.
 */
export async function openDrawCoder(model: Model, dim: number): Promise<DrawCoder> {
  const loader = await modelLoader(model.file);
  const { input } = await loader.inspect(model, { granularity: 'image' });
  const shape = shapeOf(model, input.dims.slice(1), dim);
  const session = await loader.open({
    model,
    seed: 0,
    granularity: 'image',
    sampleShape: shape,
    batchSamples: BATCH_ROWS,
    threads: model.threads === 0 ? 1 : model.threads,
    packing: 'auto',
    countAmbiguous: false,
  });
  return {
    backend: session.backend,
    digests: (z) => digestsOf(session, z, shape),
    [Symbol.asyncDispose]: () => session.close(),
  };
}

/** What run.json says of the model; opens it once, so that a wrong one is told before anything runs. */
export async function drawModelRecord(model: Model, dim: number): Promise<ModelRecord> {
  await using coder = await openDrawCoder(model, dim);
  const { sha256 } = await (await modelLoader(model.file)).inspect(model, { granularity: 'image' });
  return { file: model.file, sha256, backend: coder.backend, packing: null };
}

function shapeOf(model: Model, dims: readonly (number | null)[], dim: number): number[] {
  const known = dims.every((side) => side !== null);
  const shape = known ? dims.map(Number) : [dim];
  if (shape.reduce((product, side) => product * side, 1) === dim) return shape;
  throw new PipelineError({
    kind: 'shape-mismatch',
    where: model.file,
    what: `draws of dimension ${dim} do not fit the model's input`,
    value: `[${dims.map((side) => side ?? '?').join(', ')}]`,
    remedy: 'Give a target whose dimension is the size of the input.',
  });
}

async function digestsOf(
  session: EncoderSession,
  z: Float64Array,
  shape: readonly number[],
): Promise<Uint8Array> {
  const dim = shape.reduce((product, side) => product * side, 1);
  const all = z.length / dim;
  const digests = new Uint32Array((all * DIGEST_BYTES) / 4);
  for (let from = 0; from < all; from += BATCH_ROWS) {
    const rows = Math.min(BATCH_ROWS, all - from);
    const data = Float32Array.from(z.subarray(from * dim, (from + rows) * dim));
    const { codes } = await session.encode({ type: 'float32', data, dims: [rows, ...shape] });
    const words = joinedWords(
      codes,
      session.taps.map(({ codeBits }) => (codeBits + 31) >>> 5),
      rows,
    );
    const out = digests.subarray(from * 4, (from + rows) * 4);
    digestRows(words, { rows, wordsPerRow: words.length / rows, seed: spanSeed('network'), out });
  }
  return new Uint8Array(digests.buffer);
}

/** Code words of all taps, row by row, in tap order. */
function joinedWords(codes: readonly Uint8Array[], widths: readonly number[], rows: number): Uint32Array {
  const rowWords = widths.reduce((sum, width) => sum + width, 0);
  const joined = new Uint32Array(rows * rowWords);
  let at = 0;
  for (const [tap, bytes] of codes.entries()) {
    const width = widths[tap]!;
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    for (let row = 0; row < rows; row++)
      joined.set(words.subarray(row * width, (row + 1) * width), row * rowWords + at);
    at += width;
  }
  return joined;
}
