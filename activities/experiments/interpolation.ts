// E4: are polytope boundaries denser between images, near changes of class? In the spirit of Black et al. 2022, section 2 of
// the specification: every crossing of every leg, exact where the network is piecewise linear.

import { CROSSING_BINS_TABLE } from '#schemas/columns/lens/crossings.ts';
import { INTERPOLATION_LEGS_TABLE } from '#schemas/columns/lens/interpolation-legs.ts';
import { PATH_OUTPUTS_TABLE } from '#schemas/columns/lens/path-outputs.ts';
import { PATH_LAYERS_TABLE, PATHS_TABLE } from '#schemas/columns/lens/paths.ts';
import { pointPair } from '../polytope/boundary-density.ts';
import type { PathCrossings } from '../polytope/crossing-events.ts';
import { type Curve, crossingBins, curveBetween } from '../polytope/polyline.ts';
import { CountedTaps } from './counted-taps.ts';
import type { Chunk, Experiment, LensTask, MeasureContext, Samples, TableRows } from './experiment.ts';
import { concludeInterpolation } from './interpolation-claims.ts';
import {
  type InterpolationConfig,
  type InterpolationDesign,
  type Leg,
  planInterpolation,
  type Track,
} from './interpolation-design.ts';
import type { LegAnswers } from './leg-answers.ts';
import { type CurveSolver, openCurveSolver } from './curve-solver.ts';
import { type Network, variantName } from './network.ts';
import { PathRows } from './path-rows.ts';
import { RowCollector } from './row-collector.ts';
import { RowMerger } from './row-merger.ts';

export const interpolation: Experiment<InterpolationConfig, InterpolationDesign> = {
  name: 'interpolation',
  tables: [PATHS_TABLE, PATH_LAYERS_TABLE, CROSSING_BINS_TABLE, PATH_OUTPUTS_TABLE, INTERPOLATION_LEGS_TABLE],
  plan: planInterpolation,
  measure,
  conclude: concludeInterpolation,
};

/** Most legs of a chunk, and bytes of the vertices of their curves. */
const CHUNK_LEGS = 4;
const CHUNK_BYTES = 2 ** 28;

type Context = MeasureContext<InterpolationConfig, InterpolationDesign>;

async function* measure(task: LensTask, context: Context): AsyncIterable<Chunk> {
  const network = await context.network(task.variant);
  const meter = new LegMeter(network, context);
  const perChunk = legsPerChunk(network, context.design);
  try {
    for (let from = task.from; from < task.to; from += perChunk) {
      context.signal.throwIfAborted();
      const to = Math.min(task.to, from + perChunk);
      yield { units: to - task.from, rows: await meter.rows(from, to) };
    }
  } finally {
    await meter.close();
  }
}

function legsPerChunk({ startSpaces }: Network, { tracks, samples }: InterpolationDesign): number {
  const used = startSpaces.filter(({ name }) => tracks.some(({ space }) => space === name));
  const values = used.reduce((sum, { size }) => sum + size * (samples + 1), 0);
  return Math.max(1, Math.min(CHUNK_LEGS, Math.floor(CHUNK_BYTES / (8 * values))));
}

/** A leg as it is laid through a space, with what was found on it. */
interface SolvedLeg {
  readonly number: number;
  readonly curve: Curve;
  readonly found: PathCrossings;
  readonly answers: LegAnswers | null;
}

/** Solves legs in one network. */
class LegMeter {
  readonly #network: Network;
  readonly #context: Context;
  /** Per space. */
  readonly #solvers = new Map<string, CurveSolver>();

  constructor(network: Network, context: Context) {
    this.#network = network;
    this.#context = context;
  }

  /** Rows of the legs `[from, to)`, ascending in path_id. */
  async rows(from: number, to: number): Promise<TableRows[]> {
    const { legs, tracks } = this.#context.design;
    const numbers = Array.from({ length: to - from }, (_, i) => from + i);
    const spaces = [...new Set(tracks.map(({ space }) => space))];
    const ends = await endPoints(this.#network, this.#context.samples!, {
      images: [...new Set(numbers.flatMap((leg) => [legs[leg]!.a, legs[leg]!.b]))],
      spaces,
    });
    const solved: Map<number, SolvedLeg>[] = [];
    for (const track of tracks) solved.push(await this.#solve(track, numbers, ends));
    const merger = new RowMerger();
    for (const leg of numbers) {
      tracks.forEach((_, track) => {
        const own = solved[track]!.get(leg);
        if (own !== undefined) merger.add(this.#rowsOf(own, track));
      });
    }
    return merger.take();
  }

  async close(): Promise<void> {
    for (const solver of this.#solvers.values()) await solver.close();
    this.#solvers.clear();
  }

  /** Legs whose ends coincide in the space have no length, and are left out. */
  async #solve(track: Track, numbers: readonly number[], ends: EndPoints): Promise<Map<number, SolvedLeg>> {
    const { design, signal } = this.#context;
    const solver = this.#solvers.get(track.space) ?? (await openCurveSolver(this.#network, track.space));
    this.#solvers.set(track.space, solver);
    const nameOf = (leg: number) => `leg ${leg} (images ${design.legs[leg]!.a}, ${design.legs[leg]!.b})`;
    const laid = numbers.flatMap((number) => {
      const [p, q] = [ends(track.space, design.legs[number]!.a), ends(track.space, design.legs[number]!.b)];
      if (pointPair(p, q).distance === 0) return [];
      const curve = curveBetween(p, q, { kind: track.curve, samples: design.samples, name: nameOf(number) });
      return [{ number, curve }];
    });
    const found = await solver.solve(
      laid.map(({ curve }) => curve),
      { steps: design.samples, nameOf: (i) => nameOf(laid[i]!.number), signal },
    );
    return new Map(laid.map(({ number, curve }, i) => [number, { number, curve, ...found[i]! }]));
  }

  #rowsOf({ number, curve, found, answers }: SolvedLeg, trackNumber: number): TableRows[] {
    const { design, config } = this.#context;
    const { bins } = config.interpolation;
    const [leg, track] = [design.legs[number]!, design.tracks[trackNumber]!];
    const model = variantName(this.#network.variant);
    const counted = new CountedTaps(this.#network, this.#solvers.get(track.space)!.taps);
    const paths = new PathRows({ experiment: 'interpolation', model, counted, crossings: 'only counted' });
    const pathId = number * design.tracks.length + trackNumber;
    paths.add({ ...factsOf(leg, curve), pathId }, found, { curve, bins });
    if (answers !== null) paths.addAnswers(pathId, answers.answers);
    const legs = new RowCollector(INTERPOLATION_LEGS_TABLE);
    legs.add({
      model,
      path_id: pathId,
      chain: leg.chain,
      leg: leg.leg,
      chain_kind: leg.kind,
      space: track.space,
      curve: track.curve,
      length: curve.arc.at(-1)!,
      class_changes: answers?.changes ?? [],
      density: densityOf(found, curve, { bins, counted }),
    });
    return [...paths.take(), legs.take()];
  }
}

/** Where an image lies in a space. */
type EndPoints = (space: string, image: number) => Float64Array;

async function endPoints(
  network: Network,
  samples: Samples,
  { images, spaces }: { images: readonly number[]; spaces: readonly string[] },
): Promise<EndPoints> {
  const { input } = await samples.read(images);
  const values = await network.forward(input, { to: spaces });
  return (space, image) => {
    const all = values.get(space)!;
    const size = all.length / images.length;
    const row = images.indexOf(image);
    return Float64Array.from(all.subarray(row * size, (row + 1) * size));
  };
}

function factsOf({ a, b, kind }: Leg, curve: Curve) {
  const size = curve.vertices.length / curve.t.length;
  const ends = pointPair(curve.vertices.subarray(0, size), curve.vertices.subarray(-size));
  return {
    kind: curve.kind,
    pointA: a,
    pointB: b,
    sameClass: kind === 'within',
    length: curve.arc.at(-1)!,
    distance: ends.distance,
    angle: ends.angle,
    normA: ends.normP,
    normB: ends.normQ,
  };
}

/** `[bins]` crossings of all layers per unit of length. */
function densityOf(
  { flips }: PathCrossings,
  curve: Curve,
  { bins, counted }: { bins: number; counted: CountedTaps },
): Float64Array {
  const { density } = crossingBins(flips, curve, { taps: counted.taps.length, bins });
  return Float64Array.from({ length: bins }, (_, bin) =>
    counted.bitTaps.reduce((sum, tap) => sum + density[tap * bins + bin]!, 0),
  );
}
