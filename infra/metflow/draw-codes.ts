// Spline codes of draws: each draw, or what a decoder makes of it, is the model's input; a code is the signs of a tap, or
// of all taps as the span `network`, and its digest that of a sweep with granularity `image`.

import { PipelineError } from '#schemas/errors.ts';
import type { ModelRecord, SourceFile } from '#schemas/messages.ts';
import type { MetflowConfig } from '#schemas/metflow-config.ts';
import { digestRows, spanSeed } from '../../activities/polytope/digest.ts';
import type { EncodedBatch, EncoderSession, InputTensor } from '../../activities/ports.ts';
import { modelLoader } from '../models/registry.ts';
import { type LatentDecoder, openDecoder } from './latent-decoder.ts';

/** Draws of one model call. */
export const CODED_ROWS = 256;
const DIGEST_BYTES = 16;
const NETWORK = 'network';

type Model = NonNullable<MetflowConfig['model']>;

/** Codes of some rows, one entry per span. */
export interface SpanCodes {
  /** `[rows, 16]` bytes each. */
  readonly digests: readonly Uint8Array[];
  /** `[rows]` 1 where rounding could turn a bit of the span; zeros unless asked for. */
  readonly ambiguous: readonly Uint8Array[];
}

/** Gives draws their codes. */
export interface DrawCoder extends AsyncDisposable {
  readonly backend: string;
  /** Of the net that draws pass through first; null without one. */
  readonly decoderSha256: string | null;
  /** Every tap, then `network`. */
  readonly spans: readonly { readonly name: string; readonly bits: number }[];
  /** Digests of the span `network`. @param z - `[rows, dim]`. @returns `[rows, 16]` bytes. @throws PipelineError `non-finite-input`. */
  digests(z: Float64Array): Promise<Uint8Array>;
  /** Codes of draws. */
  codes(z: Float64Array): Promise<SpanCodes>;
  /** Codes of at most {@link CODED_ROWS} inputs of the model itself. */
  codesOfInputs(input: InputTensor): Promise<SpanCodes>;
}

/** How draws are fed where they are no inputs of the model. */
export interface DrawFeed {
  /** Numbers of one row. */
  readonly size: number;
  /** `[rows, dim]` draws to `[rows, size]`. */
  inputs(z: Float64Array): Float64Array;
  /** The tensor that they stand in for; null for the model's input. */
  readonly tap: string | null;
}

export interface DrawCoderOptions {
  /** @default draws as they are */
  readonly feed?: DrawFeed | undefined;
  /** Weights as they are, or fresh ones drawn with the seed. @default none */
  readonly control?: 'none' | 'random_init';
  /** @default 0 */
  readonly seed?: number;
  /** @default false */
  readonly countAmbiguous?: boolean;
}

/**
 * Opens the model for draws of a dimension.
 * @throws PipelineError `shape-mismatch` where its input has another size, or as opening a model does.
 */
export async function openDrawCoder(
  model: Model,
  dim: number,
  { control = 'none', seed = 0, countAmbiguous = false, feed }: DrawCoderOptions = {},
): Promise<DrawCoder> {
  const loader = await modelLoader(model.file);
  const { input } = await loader.inspect(model, { granularity: 'image' });
  const size = feed?.size ?? dim;
  const decoder = model.through === undefined ? null : await openDecoder(model.through, size);
  const tap = feed?.tap ?? null;
  const shape = tap === null ? shapeOf(model, input.dims.slice(1), decoder?.size ?? size) : [size];
  const open = (from: string | null, taps: typeof model.taps, sampleShape: readonly number[]) =>
    loader.open({
      model: { ...model, control, taps },
      seed,
      granularity: 'image',
      sampleShape,
      batchSamples: CODED_ROWS,
      packing: 'auto',
      countAmbiguous,
      threads: model.threads === 0 ? 1 : model.threads,
      ...(from === null ? {} : { from }),
    });
  const session = await open(tap, model.taps, shape);
  // Data come in at the input, and are coded at the same taps.
  const whole =
    tap === null
      ? session
      : await open(
          null,
          session.taps.map(({ name }) => name),
          input.dims.slice(1).map(Number),
        );
  const codes = (z: Float64Array) => codesOf(session, { z: feed?.inputs(z) ?? z, dim: size, shape, decoder });
  const bits = session.taps.reduce((sum, { codeBits }) => sum + codeBits, 0);
  return {
    backend: session.backend,
    decoderSha256: decoder?.sha256 ?? null,
    spans: [...session.taps.map((tap) => ({ name: tap.name, bits: tap.codeBits })), { name: NETWORK, bits }],
    digests: async (z) => (await codes(z)).digests.at(-1)!,
    codes,
    codesOfInputs: async (inputs) => spansOf(whole, await whole.encode(inputs), inputs.dims[0]!),
    async [Symbol.asyncDispose]() {
      await session.close();
      if (whole !== session) await whole.close();
      await decoder?.[Symbol.asyncDispose]();
    },
  };
}

/** What run.json says of the model; opens it once, so that a wrong one is told before anything runs. */
export async function drawModelRecord(
  model: Model,
  dim: number,
  feed?: DrawFeed,
): Promise<{ readonly model: ModelRecord; readonly through: SourceFile | null }> {
  await using coder = await openDrawCoder(model, dim, { feed });
  const { sha256 } = await (await modelLoader(model.file)).inspect(model, { granularity: 'image' });
  const { decoderSha256, backend } = coder;
  return {
    model: { file: model.file, sha256, backend, packing: null },
    through:
      decoderSha256 === null ? null : { key: 'model.through', file: model.through!, sha256: decoderSha256 },
  };
}

function shapeOf(model: Model, dims: readonly (number | null)[], size: number): number[] {
  const known = dims.every((side) => side !== null);
  const shape = known ? dims.map(Number) : [size];
  if (shape.reduce((product, side) => product * side, 1) === size) return shape;
  throw new PipelineError({
    kind: 'shape-mismatch',
    where: model.file,
    what: `${model.through === undefined ? 'draws' : 'decoded draws'} of dimension ${size} do not fit the model's input`,
    value: `[${dims.map((side) => side ?? '?').join(', ')}]`,
    remedy: 'Give a target whose dimension is the size of the input, or a decoder as model.through.',
  });
}

interface Coded {
  readonly z: Float64Array;
  readonly dim: number;
  readonly shape: readonly number[];
  readonly decoder: LatentDecoder | null;
}

async function codesOf(session: EncoderSession, { z, dim, shape, decoder }: Coded): Promise<SpanCodes> {
  const rows = z.length / dim;
  const spans = session.taps.length + 1;
  const digests = Array.from({ length: spans }, () => new Uint8Array(rows * DIGEST_BYTES));
  const ambiguous = Array.from({ length: spans }, () => new Uint8Array(rows));
  for (let from = 0; from < rows; from += CODED_ROWS) {
    const count = Math.min(CODED_ROWS, rows - from);
    const piece = z.subarray(from * dim, (from + count) * dim);
    const data = decoder === null ? Float32Array.from(piece) : await decoder.decode(piece);
    const encoded = await session.encode({ type: 'float32', data, dims: [count, ...shape] });
    const codes = spansOf(session, encoded, count);
    for (let span = 0; span < spans; span++) {
      digests[span]!.set(codes.digests[span]!, from * DIGEST_BYTES);
      ambiguous[span]!.set(codes.ambiguous[span]!, from);
    }
  }
  return { digests, ambiguous };
}

/** Digests and ambiguity of every tap, then of all together. */
function spansOf({ taps }: EncoderSession, { codes, ambiguous }: EncodedBatch, rows: number): SpanCodes {
  const widths = taps.map(({ codeBits }) => (codeBits + 31) >>> 5);
  const all = taps.map((_, tap) => tap);
  const spans = [...taps.map(({ name }, tap) => ({ name, members: [tap] })), { name: NETWORK, members: all }];
  return {
    digests: spans.map(({ name, members }) => {
      const words = joinedWords(
        members.map((tap) => codes[tap]!),
        members.map((tap) => widths[tap]!),
        rows,
      );
      const out = new Uint32Array((rows * DIGEST_BYTES) / 4);
      digestRows(words, { rows, wordsPerRow: words.length / rows, seed: spanSeed(name), out });
      return new Uint8Array(out.buffer);
    }),
    ambiguous: spans.map(({ members }) =>
      Uint8Array.from({ length: rows }, (_, row) =>
        members.some((tap) => (ambiguous?.[tap]?.[row] ?? 0) > 0) ? 1 : 0,
      ),
    ),
  };
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
