// E6: which boundaries lie in random and in adversarial directions. Our own experiment; the paper has none like it.

import { CROSSING_BINS_TABLE, CROSSINGS_TABLE } from '#schemas/columns/lens/crossings.ts';
import { PATH_OUTPUTS_TABLE } from '#schemas/columns/lens/path-outputs.ts';
import { PATH_LAYERS_TABLE, PATHS_TABLE } from '#schemas/columns/lens/paths.ts';
import { PERTURBATIONS_TABLE } from '#schemas/columns/lens/perturbations.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { LensConfig } from '#schemas/lens-config.ts';
import { quantiles } from '../numeric/quantiles.ts';
import { randomStream } from '../numeric/rng.ts';
import { pointPair } from '../polytope/boundary-density.ts';
import { PullBack } from '../polytope/pull-back.ts';
import type { Experiment, PlanContext } from './experiment.ts';
import type { Network } from './network.ts';
import { concludePerturbation } from './perturbation-claims.ts';
import { measurePerturbed } from './perturbed-point.ts';
import { cutTasks, drawSamples, sizesOf } from './sample-choice.ts';

export type PerturbationConfig = Extract<LensConfig, { experiment: 'perturbation' }>;

/** What plan.json holds. */
export interface PerturbationDesign {
  /** Samples that are perturbed, ascending. */
  readonly points: readonly number[];
  /** Another sample for each of them. */
  readonly others: readonly number[];
  readonly length: number;
}

const SIZES = { tiny: { points: 50 }, paper: { points: 200 } } as const;
const STREAM = { points: 1, others: 2 } as const;
const POINTS_PER_TASK = 25;

export const perturbation: Experiment<PerturbationConfig, PerturbationDesign> = {
  name: 'perturbation',
  tables: [
    PERTURBATIONS_TABLE,
    PATHS_TABLE,
    PATH_LAYERS_TABLE,
    CROSSINGS_TABLE,
    CROSSING_BINS_TABLE,
    PATH_OUTPUTS_TABLE,
  ],
  async plan(context) {
    const { config, samples, variants } = context;
    const network = await context.network(variants[0]!);
    checkNetwork(network, config.model.file);
    const { points: wanted } = sizesOf(SIZES[config.profile], config.perturbation);
    const { seed } = config;
    const points = drawSamples({ from: 0, to: samples!.count }, { wanted, seed, stream: STREAM.points });
    const others = points.map((point, i) => otherThan(point, samples!.count, { seed, index: i }));
    const length = config.perturbation.length ?? (await halfMedianDistance(context, points, others));
    return {
      unit: 'samples',
      tasks: cutTasks(variants, points.length, POINTS_PER_TASK),
      points: [...new Set([...points, ...others])].sort((a, b) => a - b),
      notices: noticesOf(network, length),
      design: { points, others, length },
    };
  },
  async *measure(task, context) {
    const network = await context.network(task.variant);
    const net = await network.piecewise({ from: 'input' });
    const parts = { network, net, pullBack: new PullBack(net), context };
    try {
      for (let index = task.from; index < task.to; index++) {
        context.signal.throwIfAborted();
        yield { units: index + 1 - task.from, rows: await measurePerturbed(index, parts) };
      }
    } finally {
      await net.close();
    }
  },
  conclude: concludePerturbation,
};

function noticesOf({ taps }: Network, length: number): string[] {
  const isDense = taps.every(({ kind }) => kind === 'dense');
  return [
    `Paths have length ${Number(length.toPrecision(6))} and are not clipped to the range of the data.`,
    ...(isDense
      ? []
      : ['Gradients are taken axis by axis of the input, which takes seconds an attack step.']),
  ];
}

function checkNetwork(network: Network, file: string): void {
  const inexact = network.text ? ['token ids as input'] : network.inexact('input');
  if (inexact.length === 0 && network.logits !== null && (network.classes ?? 0) >= 2) return;
  const isLinear = inexact.length === 0;
  throw new PipelineError({
    kind: isLinear ? 'model-invalid' : 'config-invalid',
    what: isLinear
      ? 'perturbations need a model with logits of two classes or more'
      : 'exact gradients need a model that is piecewise linear from its input on',
    where: file,
    value: isLinear ? `${network.classes ?? 0} classes` : inexact.join(', '),
    remedy: 'Use a classifier of ReLU-like layers.',
  });
}

function otherThan(point: number, count: number, { seed, index }: { seed: number; index: number }): number {
  const drawn = randomStream(seed, STREAM.others, index).below(count - 1);
  return drawn < point ? drawn : drawn + 1;
}

/** @throws PipelineError `data-invalid` where most samples equal their partners. */
async function halfMedianDistance(
  { samples }: PlanContext<PerturbationConfig>,
  points: readonly number[],
  others: readonly number[],
): Promise<number> {
  const [a, b] = [(await samples!.read(points)).input.data, (await samples!.read(others)).input.data];
  const size = a.length / points.length;
  const rowOf = (data: typeof a, row: number) =>
    Float64Array.from(data.subarray(row * size, (row + 1) * size), Number);
  const distances = points.map((_, row) => pointPair(rowOf(a, row), rowOf(b, row)).distance);
  const [median] = quantiles(distances, [0.5]);
  if (median! > 0) return median! / 2;
  throw new PipelineError({
    kind: 'data-invalid',
    what: 'most samples are equal, so their distance gives no length for paths',
    where: 'dataset',
    remedy: 'Set perturbation.length, or drop duplicates from the data.',
  });
}
