// Single paths, and E7 on text models: crossings, and the model's answers, on lines or arcs between pairs of points.

import { CROSSING_BINS_TABLE, CROSSINGS_TABLE } from '#schemas/columns/lens/crossings.ts';
import { PATH_OUTPUTS_TABLE } from '#schemas/columns/lens/path-outputs.ts';
import { PATH_LAYERS_TABLE, PATHS_TABLE } from '#schemas/columns/lens/paths.ts';
import { pointPair } from '../polytope/boundary-density.ts';
import { type Curve, curveBetween } from '../polytope/polyline.ts';
import { CountedTaps } from './counted-taps.ts';
import { type CurveSolver, openCurveSolver, type SolvedCurve } from './curve-solver.ts';
import type { Chunk, Experiment, LensTask, MeasureContext } from './experiment.ts';
import { type Network, variantName } from './network.ts';
import { PathRows } from './path-rows.ts';
import { concludePaths } from './paths-claims.ts';
import { type PathsConfig, type PathsDesign, planPaths } from './paths-design.ts';

export const paths: Experiment<PathsConfig, PathsDesign> = {
  name: 'paths',
  tables: [PATHS_TABLE, PATH_LAYERS_TABLE, CROSSINGS_TABLE, CROSSING_BINS_TABLE, PATH_OUTPUTS_TABLE],
  plan: planPaths,
  measure,
  conclude: concludePaths,
};

type Context = MeasureContext<PathsConfig, PathsDesign>;

/** Paths that are solved together and make a chunk; single ones in wide nets, and where sampling takes its time. */
const BATCH_PATHS = 32;
const WIDE_BITS = 10_000;

async function* measure(task: LensTask, context: Context): AsyncIterable<Chunk> {
  const network = await context.network(task.variant);
  const meter = new PathMeter(network, context);
  const bits = network.taps.reduce((sum, { codeBits }) => sum + codeBits, 0);
  const isSlow = bits > WIDE_BITS || network.inexact(context.config.paths.space).length > 0;
  const perBatch = isSlow ? 1 : BATCH_PATHS;
  try {
    for (let from = task.from; from < task.to; from += perBatch) {
      const to = Math.min(task.to, from + perBatch);
      await meter.add(from, to);
      yield { units: to - task.from, rows: meter.take() };
    }
  } finally {
    await meter.close();
  }
}

/** A path with the solver of its space. */
interface OpenPath {
  readonly path: number;
  readonly curve: Curve;
}

/** Measures paths in one network. */
class PathMeter {
  readonly #network: Network;
  readonly #context: Context;
  #rows: PathRows | null = null;
  #solver: CurveSolver | null = null;

  constructor(network: Network, context: Context) {
    this.#network = network;
    this.#context = context;
  }

  take() {
    return this.#rows?.take() ?? [];
  }

  /** Paths `[from, to)` of the design. */
  async add(from: number, to: number): Promise<void> {
    const { samples, design, signal } = this.#context;
    signal.throwIfAborted();
    const points = [...new Set(design.pairs.slice(from, to).flat())].sort((a, b) => a - b);
    const vectors = await this.#vectors(points);
    const curves: OpenPath[] = [];
    for (let path = from; path < to; path++) {
      const curve = this.#curve(path, vectors);
      if (curve !== null) curves.push({ path, curve });
    }
    if (!this.#network.text) return this.#solve(await this.#open(), curves);
    for (const open of curves) {
      const [first] = design.pairs[open.path]!;
      const { input } = await samples!.read([Math.floor(first / design.stride)]);
      const at = { base: input, token: first % design.stride };
      const solver = await openCurveSolver(this.#network, this.#context.config.paths.space, at);
      await this.#solve(solver, [open]);
      await solver.close();
    }
  }

  async close(): Promise<void> {
    await this.#solver?.close();
  }

  async #open(): Promise<CurveSolver> {
    this.#solver ??= await openCurveSolver(this.#network, this.#context.config.paths.space);
    return this.#solver;
  }

  /** Vectors of points in the space. */
  async #vectors(points: readonly number[]): Promise<Map<number, Float64Array>> {
    const { samples, design, config } = this.#context;
    const { space } = config.paths;
    const numbers = [...new Set(points.map((point) => Math.floor(point / design.stride)))];
    const { input } = await samples!.read(numbers);
    const values = (await this.#network.forward(input, { to: [space] })).get(space)!;
    const size = values.length / (numbers.length * design.stride);
    return new Map(
      points.map((point) => {
        const sample = numbers.indexOf(Math.floor(point / design.stride));
        const row = sample * design.stride + (point % design.stride);
        return [point, Float64Array.from(values.subarray(row * size, (row + 1) * size))];
      }),
    );
  }

  /** Null for a drawn pair whose ends coincide. */
  #curve(path: number, vectors: ReadonlyMap<number, Float64Array>): Curve | null {
    const { design, config } = this.#context;
    const [from, to] = design.pairs[path]!.map((point) => vectors.get(point)!) as [
      Float64Array,
      Float64Array,
    ];
    if (design.isDrawn && pointPair(from, to).distance === 0) return null;
    const { curve: kind, chords: samples } = config.paths;
    return curveBetween(from, to, { kind, samples, name: this.#nameOf(path) });
  }

  async #solve(solver: CurveSolver, open: readonly OpenPath[]): Promise<void> {
    const { config, signal } = this.#context;
    const solved = await solver.solve(
      open.map(({ curve }) => curve),
      { steps: config.paths.steps, lengths: 'per-tap', nameOf: (i) => this.#nameOf(open[i]!.path), signal },
    );
    open.forEach(({ path, curve }, i) => {
      this.#addRows(path, curve, solved[i]!, solver);
    });
  }

  #addRows(path: number, curve: Curve, { found, answers, softDistances }: SolvedCurve, solver: CurveSolver) {
    const { design, config } = this.#context;
    this.#rows ??= new PathRows({
      experiment: 'paths',
      model: variantName(this.#network.variant),
      counted: new CountedTaps(this.#network, solver.taps),
      crossings: config.paths.crossings ? 'kept' : 'only counted',
    });
    const [pointA, pointB] = design.pairs[path]!;
    const size = curve.vertices.length / curve.t.length;
    const { distance } = pointPair(curve.vertices.subarray(0, size), curve.vertices.subarray(-size));
    this.#rows.add(
      {
        pathId: path,
        kind: curve.kind,
        pointA,
        pointB,
        sameClass: design.sameClass[path]!,
        length: curve.arc.at(-1)!,
        distance,
        angle: curve.angle,
        normA: curve.normFrom,
        normB: curve.normTo,
      },
      found,
      { curve, bins: config.paths.bins, ...(softDistances === null ? {} : { softDistances }) },
    );
    if (answers !== null) this.#rows.addAnswers(path, answers.answers);
  }

  #nameOf(path: number): string {
    const [a, b] = this.#context.design.pairs[path]!;
    return `path ${path}, from point ${a} to point ${b}`;
  }
}
