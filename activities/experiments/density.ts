// E3: are polytope boundaries denser between classes than within? In the spirit of Black et al. 2022, section 2 of the
// specification; every pair by the codes of its ends, some of them by every crossing on the way.

import { LENS_CODES_TABLE } from '#schemas/columns/lens/codes.ts';
import { DENSITIES_TABLE } from '#schemas/columns/lens/densities.ts';
import { PATH_LAYERS_TABLE, PATHS_TABLE } from '#schemas/columns/lens/paths.ts';
import { pointPair } from '../polytope/boundary-density.ts';
import type { PathCrossings } from '../polytope/crossing-events.ts';
import { hammingDistance } from '../polytope/hamming.ts';
import { curveBetween } from '../polytope/polyline.ts';
import { softDistance } from '../polytope/soft-code.ts';
import { concludeDensity } from './density-claims.ts';
import { type DensityConfig, type DensityDesign, type DensitySpan, planDensity } from './density-design.ts';
import type { Chunk, Experiment, LensTask, MeasureContext, TableRows } from './experiment.ts';
import { CountedTaps } from './counted-taps.ts';
import { type CurveSolver, openCurveSolver } from './curve-solver.ts';
import { variantName, type Network } from './network.ts';
import { PathRows } from './path-rows.ts';
import { type PointCodes, pointCodes } from './point-codes.ts';
import { RowMerger } from './row-merger.ts';
import { crossingsWithin } from './span-crossings.ts';

export const density: Experiment<DensityConfig, DensityDesign> = {
  name: 'density',
  tables: [PATHS_TABLE, PATH_LAYERS_TABLE, LENS_CODES_TABLE, DENSITIES_TABLE],
  plan: planDensity,
  measure,
  conclude: concludeDensity,
};

/** Most rows of a chunk, roughly. */
const CHUNK_ROWS = 20_000;
const CHUNK_PAIRS = 240;

async function* measure(
  task: LensTask,
  context: MeasureContext<DensityConfig, DensityDesign>,
): AsyncIterable<Chunk> {
  const network = await context.network(task.variant);
  const { design } = context;
  const meter = new PairMeter(network, design);
  const points = await knownPoints(network, task, context);
  const rowsPerPair = design.spans.reduce((sum, { from, to }) => sum + to - from + 2, 0);
  const perChunk = Math.max(1, Math.min(CHUNK_PAIRS, Math.floor(CHUNK_ROWS / rowsPerPair)));
  try {
    for (let from = task.from; from < task.to; from += perChunk) {
      const to = Math.min(task.to, from + perChunk);
      yield {
        units: to - task.from,
        rows: await meter.rows(pairsOf(design, from, to), points, context.signal),
      };
    }
  } finally {
    await meter.close();
  }
}

/** Measures pairs in one network. */
class PairMeter {
  readonly #network: Network;
  readonly #design: DensityDesign;
  readonly #solvers = new Map<string, CurveSolver>();
  /** Per span. */
  readonly #rows: readonly PathRows[];

  constructor(network: Network, design: DensityDesign) {
    this.#network = network;
    this.#design = design;
    this.#rows = design.spans.map(
      ({ from, to }) =>
        new PathRows({
          experiment: 'density',
          model: variantName(network.variant),
          counted: new CountedTaps(network, network.taps.slice(from, to + 1)),
          crossings: 'only counted',
        }),
    );
  }

  /** Rows of some pairs, ascending in path_id. */
  async rows(pairs: readonly Pair[], points: KnownPoints, signal: AbortSignal): Promise<TableRows[]> {
    const { spaces } = this.#design;
    const placed = pairs.map((pair) => ({
      ...pair,
      a: points.placeOf.get(pair.endA)!,
      b: points.placeOf.get(pair.endB)!,
    }));
    const solved = new Map<string, ReadonlyMap<number, PathCrossings>>();
    for (const [i, { name, isSolved }] of spaces.entries())
      if (isSolved)
        solved.set(name, await this.#solve(name, placed, { values: points.codes.spaces[i]!, signal }));
    const merger = new RowMerger();
    for (const pair of placed) {
      this.#design.spans.forEach((span, i) => {
        this.#addPair(i, { pair, found: points.codes, crossings: solved.get(span.space)?.get(pair.number) });
        merger.add(this.#rows[i]!.take());
      });
    }
    return merger.take();
  }

  async close(): Promise<void> {
    for (const solver of this.#solvers.values()) await solver.close();
    this.#solvers.clear();
  }

  /** Crossings of the chosen ones of some pairs. */
  async #solve(
    space: string,
    pairs: readonly PlacedPair[],
    { values, signal }: { values: Float32Array; signal: AbortSignal },
  ): Promise<Map<number, PathCrossings>> {
    const size = this.#network.startSpaces.find(({ name }) => name === space)!.size;
    const point = (at: number) => Float64Array.from(row(values, size, at));
    const chosen = pairs.filter(
      ({ isSolved, a, b }) => isSolved && pointPair(point(a), point(b)).distance > 0,
    );
    if (chosen.length === 0) return new Map();
    const nameOf = (i: number) => `pair ${chosen[i]!.number} in ${space}`;
    const curves = chosen.map(({ a, b }, i) =>
      curveBetween(point(a), point(b), { kind: 'lerp', name: nameOf(i) }),
    );
    const solver = this.#solvers.get(space) ?? (await openCurveSolver(this.#network, space));
    this.#solvers.set(space, solver);
    const solved = await solver.solve(curves, { nameOf, signal });
    return new Map(chosen.map(({ number }, i) => [number, solved[i]!.found]));
  }

  /** Points that coincide have no density, and no row. */
  #addPair(spanNumber: number, { pair, found, crossings }: MeasuredPair): void {
    const { spans, spaces, points } = this.#design;
    const span = spans[spanNumber]!;
    const values = found.spaces[spaces.findIndex(({ name }) => name === span.space)]!;
    const size = values.length / found.codes[0]!.rows;
    const { distance, angle, normP, normQ } = pointPair(row(values, size, pair.a), row(values, size, pair.b));
    if (distance === 0) return;
    const facts = {
      pathId: pair.number * spans.length + spanNumber,
      kind: this.#network.text ? ('token' as const) : ('lerp' as const),
      pointA: points[pair.endA]!,
      pointB: points[pair.endB]!,
      sameClass: pair.number < this.#design.intra,
      length: distance,
      distance,
      angle,
      normA: normP,
      normB: normQ,
    };
    const softDistances = this.#softDistances(span, pair, found);
    this.#rows[spanNumber]!.add(facts, this.#boundaries(span, { pair, found, crossings }), { softDistances });
  }

  #boundaries({ space, from, to }: DensitySpan, { pair, found, crossings }: MeasuredPair) {
    const taps = this.#network.taps.slice(from, to + 1);
    if (crossings !== undefined) {
      const names = this.#solvers.get(space)!.taps.map(({ name }) => name);
      return crossingsWithin(
        crossings,
        taps.map(({ name }) => names.indexOf(name)),
      );
    }
    const tapHamming = Int32Array.from(taps, (_, i) => {
      const { words, wordsPerRow } = found.codes[from + i]!;
      return hammingDistance(words, pair.a * wordsPerRow, words, pair.b * wordsPerRow, wordsPerRow);
    });
    return { exact: !this.#network.text && this.#network.inexact(space).length === 0, tapHamming };
  }

  #softDistances({ from, to }: DensitySpan, { a, b }: PlacedPair, { soft }: PointCodes): Float64Array {
    return Float64Array.from(soft.slice(from, to + 1), (bits, i) => {
      const units = this.#network.taps[from + i]!.codeBits;
      return bits === null ? Number.NaN : softDistance(row(bits, units, a), row(bits, units, b));
    });
  }
}

/** The points of a task's pairs. */
interface KnownPoints {
  readonly codes: PointCodes;
  /** Row of a point, by its index in the plan. */
  readonly placeOf: ReadonlyMap<number, number>;
}

interface Pair {
  readonly number: number;
  /** Indices into the plan's points. */
  readonly endA: number;
  readonly endB: number;
  readonly isSolved: boolean;
}

interface PlacedPair extends Pair {
  /** Rows of the points that are known. */
  readonly a: number;
  readonly b: number;
}

interface MeasuredPair {
  readonly pair: PlacedPair;
  readonly found: PointCodes;
  readonly crossings: PathCrossings | undefined;
}

async function knownPoints(
  network: Network,
  { from, to }: LensTask,
  { design, samples, signal }: MeasureContext<DensityConfig, DensityDesign>,
): Promise<KnownPoints> {
  const used = [...new Set(design.ends.slice(2 * from, 2 * to))].sort((a, b) => a - b);
  const codes = await pointCodes(network, samples!, {
    points: Int32Array.from(used, (point) => design.points[point]!),
    stride: design.stride,
    spaces: design.spaces.map(({ name }) => name),
    signal,
  });
  return { codes, placeOf: new Map(used.map((point, place) => [point, place])) };
}

/** Pairs `[from, to)` of the plan. */
function pairsOf({ ends, solved }: DensityDesign, from: number, to: number): Pair[] {
  const chosen = new Set(solved);
  return Array.from({ length: to - from }, (_, i) => ({
    number: from + i,
    endA: ends[2 * (from + i)]!,
    endB: ends[2 * (from + i) + 1]!,
    isSolved: chosen.has(from + i),
  }));
}

function row(values: Float32Array, size: number, at: number): Float32Array {
  return values.subarray(at * size, (at + 1) * size);
}
