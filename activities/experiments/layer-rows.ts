// The layers table of one model: where its taps lie, and what their codes look like over the points of the run.

import { LENS_LAYERS_TABLE } from '#schemas/columns/lens/layers.ts';
import type { TapInfo } from '#schemas/sweep.ts';
import { codeRowBytes } from '../polytope/code-layout.ts';
import { codeStatistics } from '../polytope/code-statistics.ts';
import type { WordCodes } from '../polytope/hamming.ts';
import { reluGap, softFraction } from '../polytope/soft-code.ts';
import { codeRows } from './code-rows.ts';
import type { Chunk, CodedPoints, Samples } from './experiment.ts';
import { type Network, variantName } from './network.ts';
import { packRow } from './point-codes.ts';
import { pointPasses } from './point-passes.ts';
import { RowCollector } from './row-collector.ts';

/** Codes that are held at once; more are gathered in several passes over the data. */
const HELD_BYTES = 2 ** 28;
/** Bytes of the tensors of one forward pass, and its samples. */
const PASS_BYTES = 2 ** 26;
const PASS_SAMPLES = 256;
const CODES_PER_CHUNK = 2000;

export interface LayerRowsContext {
  readonly samples: Samples | null;
  readonly network: Network;
  readonly coded: CodedPoints | null;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Rows of the layers table, and of the codes table where they are wanted; none of them counts as a unit of work. */
export async function* layerChunks(context: LayerRowsContext): AsyncGenerator<Chunk> {
  const { taps, pools } = context.network;
  let bitOffset = 0;
  for (const group of groupsOf(taps, context.coded?.points.length ?? 0)) {
    const gathered = await gather(group, context);
    for (const [i, layer] of group.entries()) {
      const tap = taps[layer]!;
      const { coded, seed } = context;
      const points = Int32Array.from(coded?.points ?? []);
      const { codes, soft, ambiguous } = gathered[i]!;
      const statistics = codeStatistics({ codes, codeBits: tap.codeBits, points }, seed);
      const cells = { ...statistics, ...softCells(soft, codes.rows), bit_offset: bitOffset };
      yield { units: 0, rows: [layerRow(context, layer, cells)] };
      bitOffset += 8 * codeRowBytes(tap.codeBits);
      if (coded?.areKept === true) yield* codeChunks({ codes, ambiguous }, layer, context);
    }
  }
  for (let layer = taps.length; layer < taps.length + pools.length; layer++)
    yield { units: 0, rows: [layerRow(context, layer, {})] };
}

/** Taps whose codes fit into memory together. */
function groupsOf(taps: readonly TapInfo[], points: number): number[][] {
  const groups: number[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [layer, { codeBits }] of taps.entries()) {
    const own = points * codeRowBytes(codeBits);
    if (bytes + own > HELD_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(layer);
    bytes += own;
  }
  return groups;
}

interface Gathered {
  readonly codes: WordCodes;
  /** Sums over the points; null where the activation is piecewise linear. */
  readonly soft: { fraction: number; gap: number } | null;
  /** `[points]` bits that rounding could flip; zeros where codes are not kept. */
  readonly ambiguous: Int32Array;
}

async function gather(
  layers: readonly number[],
  { network, samples, coded, signal }: LayerRowsContext,
): Promise<Gathered[]> {
  const taps = layers.map((layer) => network.taps[layer]!);
  const rows = coded?.points.length ?? 0;
  const gathered = taps.map(({ codeBits, exact }): Gathered => {
    const wordsPerRow = Math.ceil(codeBits / 32);
    return {
      codes: { words: new Uint32Array(rows * wordsPerRow), rows, wordsPerRow },
      soft: exact ? null : { fraction: 0, gap: 0 },
      ambiguous: new Int32Array(rows),
    };
  });
  if (coded === null || samples === null) return gathered;
  const floats = taps.reduce((sum, { codeBits }) => sum + codeBits, 0) * coded.stride;
  const passes = pointPasses(network, samples, {
    ...coded,
    to: taps.map(({ name }) => name),
    samplesPerPass: Math.max(1, Math.min(PASS_SAMPLES, Math.floor(PASS_BYTES / (4 * floats)))),
    signal,
  });
  for await (const { batch, values, from, rows: places } of passes) {
    const unsure = coded.areKept ? await network.ambiguous(batch.input) : null;
    for (const [tap, { name, codeBits }] of taps.entries()) {
      const { codes, soft, ambiguous } = gathered[tap]!;
      for (const [i, row] of places.entries()) {
        const pre = values.get(name)!.subarray(row * codeBits, (row + 1) * codeBits);
        codes.words.set(new Uint32Array(packRow(pre, name).buffer), (from + i) * codes.wordsPerRow);
        ambiguous[from + i] = unsure?.get(name)?.[row] ?? 0;
        if (soft === null) continue;
        soft.fraction += softFraction(pre)!;
        soft.gap += reluGap(pre)!;
      }
    }
  }
  return gathered;
}

function softCells(soft: Gathered['soft'], rows: number) {
  if (soft === null || rows === 0) return { soft_fraction: null, relu_gap: null };
  return { soft_fraction: soft.fraction / rows, relu_gap: soft.gap / rows };
}

function layerRow(
  { network }: LayerRowsContext,
  layer: number,
  cells: Readonly<Record<string, number | null>>,
) {
  const { taps, pools } = network;
  const tap = [...taps, ...pools][layer]!;
  const rows = new RowCollector(LENS_LAYERS_TABLE);
  const empty = LENS_LAYERS_TABLE.columns.map(({ name }) => [name, null] as const);
  rows.add({
    ...Object.fromEntries(empty),
    model: variantName(network.variant),
    layer_id: layer,
    name: tap.name,
    kind: tap.kind,
    channels: tap.channels,
    height: tap.height,
    width: tap.width,
    n_bits: tap.codeBits,
    activation: tap.activation,
    exact: tap.exact,
    ...cells,
  });
  return rows.take();
}

function* codeChunks(
  { codes: { words, wordsPerRow }, ambiguous }: Pick<Gathered, 'codes' | 'ambiguous'>,
  layer: number,
  { network, coded }: LayerRowsContext,
): Generator<Chunk> {
  const points = coded?.points ?? [];
  const { name, codeBits } = network.taps[layer]!;
  for (let from = 0; from < points.length; from += CODES_PER_CHUNK) {
    const some = points.slice(from, from + CODES_PER_CHUNK);
    const codes = { words: words.subarray(from * wordsPerRow), rows: some.length, wordsPerRow };
    const granularity = network.text ? 'token' : 'image';
    const facts = { model: variantName(network.variant), layer, span: name, codeBits, granularity } as const;
    const own = { ...facts, ambiguous: ambiguous.subarray(from) };
    yield { units: 0, rows: [codeRows(codes, some, own)] };
  }
}
