// Local complexity around data and around random points, and the geometry of the regions that data visit.

import { LOCAL_COMPLEXITY_TABLE, REGION_GEOMETRY_TABLE } from '#schemas/columns/lens/complexity.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { LensConfig } from '#schemas/lens-config.ts';
import { randomStream } from '../numeric/rng.ts';
import { crossingUnits, crossPolytope, orthonormalDirections } from '../polytope/local-complexity.ts';
import { concludeComplexity } from './complexity-claims.ts';
import type { Chunk, Experiment, MeasureContext, PlanContext } from './experiment.ts';
import { type Network, variantName } from './network.ts';
import { regionChunks } from './region-rows.ts';
import { RowCollector } from './row-collector.ts';
import { cutTasks, drawSamples, sizesOf } from './sample-choice.ts';

type Config = Extract<LensConfig, { experiment: 'complexity' }>;

export type Split = 'train' | 'test' | 'random';

interface Design {
  /** Samples of each split, ascending. */
  readonly train: readonly number[];
  readonly test: readonly number[];
  /** Random points. */
  readonly random: number;
  /** Samples whose regions are described. */
  readonly regions: readonly number[];
}

const SIZES = {
  tiny: { points: 200, regionPoints: 2000 },
  paper: { points: 1000, regionPoints: 10_000 },
} as const;
const STREAM = { train: 1, test: 2, regions: 3, directions: 4, random: 5 } as const;
const POINTS_PER_TASK = 300;
const POINTS_PER_CHUNK = 20;

export const complexity: Experiment<Config, Design> = {
  name: 'complexity',
  tables: [LOCAL_COMPLEXITY_TABLE, REGION_GEOMETRY_TABLE],
  async plan(context) {
    const { config, variants } = context;
    const { points, regionPoints } = sizesOf(SIZES[config.profile], config.complexity);
    checkInput(await context.network(variants[0]!));
    const design = designOf(context, { points, regionPoints });
    const count = unitsOf(design).length;
    const tasks = cutTasks(variants, count, POINTS_PER_TASK);
    const regionTasks = variants.map((variant) => ({ variant, from: count, to: count + 1 }));
    return {
      unit: 'points',
      tasks: regionPoints === 0 ? tasks : [...tasks, ...regionTasks],
      points: [...new Set([...design.train, ...design.test])].sort((a, b) => a - b),
      notices: ['Local complexity is exact for the first layer and a lower bound for the layers behind it.'],
      design,
    };
  },
  async *measure(task, context) {
    const network = await context.network(task.variant);
    const units = unitsOf(context.design);
    if (task.from === units.length) yield* regionChunks(network, context.design.regions, context);
    else yield* pointChunks(network, units.slice(task.from, task.to), context);
  },
  conclude: concludeComplexity,
};

function checkInput(network: Network): void {
  if (!network.text) return;
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'local complexity needs an input of numbers, and this model takes token ids',
    where: 'model.file',
    remedy: 'Use a model of images or vectors.',
  });
}

function designOf(
  { config, samples }: PlanContext<Config>,
  { points, regionPoints }: { points: number; regionPoints: number },
): Design {
  const { seed } = config;
  const { count } = samples!;
  const { testFrom = count } = config.complexity;
  if (config.complexity.testFrom !== undefined && testFrom >= count) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'the test part begins behind the last sample',
      where: 'complexity.testFrom',
      value: `${testFrom} of ${count} samples`,
      remedy: 'Give the number of training samples in dataset.rows.',
    });
  }
  const draw = (from: number, to: number, stream: number, wanted = points) =>
    drawSamples({ from, to }, { wanted, seed, stream });
  return {
    train: draw(0, testFrom, STREAM.train),
    test: testFrom === count ? [] : draw(testFrom, count, STREAM.test),
    random: points,
    regions: regionPoints === 0 ? [] : draw(0, count, STREAM.regions, regionPoints),
  };
}

/** One point that is measured: a sample, or the number of a random draw. */
interface Unit {
  readonly split: Split;
  readonly id: number;
}

function unitsOf({ train, test, random }: Design): Unit[] {
  return [
    ...train.map((id): Unit => ({ split: 'train', id })),
    ...test.map((id): Unit => ({ split: 'test', id })),
    ...Array.from({ length: random }, (_, id): Unit => ({ split: 'random', id })),
  ];
}

async function* pointChunks(
  network: Network,
  units: readonly Unit[],
  context: MeasureContext<Config, Design>,
): AsyncIterable<Chunk> {
  const { config, signal } = context;
  const size = network.startSpaces[0]!.size;
  const { seed } = config;
  const basis = orthonormalDirections(size, {
    directions: config.complexity.directions,
    seed,
    stream: STREAM.directions,
  });
  const box = units.some(({ split }) => split === 'random') ? await boxOf(context, size) : null;
  for (let from = 0; from < units.length; from += POINTS_PER_CHUNK) {
    signal.throwIfAborted();
    const some = units.slice(from, from + POINTS_PER_CHUNK);
    const points = await pointsOf(some, { context, box, size });
    const rows = new RowCollector(LOCAL_COMPLEXITY_TABLE);
    for (const [i, unit] of some.entries())
      await addPoint(network, rows, {
        unit,
        point: points.subarray(i * size, (i + 1) * size),
        basis,
        config,
      });
    yield { units: from + some.length, rows: [rows.take()] };
  }
}

/** Smallest and largest value of every coordinate over the samples of both parts. */
async function boxOf(
  { design, samples }: MeasureContext<Config, Design>,
  size: number,
): Promise<{ low: Float64Array; high: Float64Array }> {
  const { input } = await samples!.read([...design.train, ...design.test]);
  const low = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
  input.data.forEach((value: number | bigint, at: number) => {
    low[at % size] = Math.min(low[at % size]!, Number(value));
    high[at % size] = Math.max(high[at % size]!, Number(value));
  });
  return { low, high };
}

async function pointsOf(
  units: readonly Unit[],
  {
    context,
    box,
    size,
  }: {
    context: MeasureContext<Config, Design>;
    box: { low: Float64Array; high: Float64Array } | null;
    size: number;
  },
): Promise<Float64Array> {
  const points = new Float64Array(units.length * size);
  const samples = units.filter(({ split }) => split !== 'random').map(({ id }) => id);
  if (samples.length > 0)
    points.set(Float64Array.from((await context.samples!.read(samples)).input.data, Number));
  units.forEach(({ split, id }, i) => {
    if (split !== 'random') return;
    const { uniform } = randomStream(context.config.seed, STREAM.random, id);
    for (let at = 0; at < size; at++)
      points[i * size + at] = box!.low[at]! + uniform() * (box!.high[at]! - box!.low[at]!);
  });
  return points;
}

async function addPoint(
  network: Network,
  rows: RowCollector,
  { unit, point, basis, config }: { unit: Unit; point: Float64Array; basis: Float64Array; config: Config },
): Promise<void> {
  const { radii } = config.complexity;
  const { shape, size } = network.startSpaces[0]!;
  const perRadius = 2 * basis.length;
  const vertices = perRadius / size;
  const data = new Float32Array(radii.length * perRadius);
  radii.forEach((radius, i) => {
    data.set(crossPolytope(point, basis, radius), i * perRadius);
  });
  const names = network.taps.map(({ name }) => name);
  const dims = [radii.length * vertices, ...shape];
  const values = await network.forward({ type: 'float32', data, dims }, { from: 'input', to: names });
  radii.forEach((radius, i) => {
    network.taps.forEach(({ name, codeBits }, layer) => {
      const pre = values.get(name)!.subarray(i * vertices * codeBits, (i + 1) * vertices * codeBits);
      const crossing = crossingUnits(pre, codeBits);
      rows.add({
        model: variantName(network.variant),
        point_id: unit.id,
        layer_id: layer,
        radius,
        n_vertices: vertices,
        crossing_units: crossing,
        fraction: crossing / codeBits,
        split: unit.split,
        checkpoint: null,
      });
    });
  });
}
