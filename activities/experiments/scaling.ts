// E1 and E8: a direction's meaning changes with magnitude (scaling), and how far it holds (validity radius).

import { PATH_LAYERS_TABLE, PATHS_TABLE } from '#schemas/columns/lens/paths.ts';
import { SCALING_TABLE, VALIDITY_TABLE } from '#schemas/columns/lens/scaling.ts';
import { randomStream } from '../numeric/rng.ts';
import type { CodedPoints, Experiment, PlanContext, Samples, TableRows } from './experiment.ts';
import type { Network } from './network.ts';
import { cutTasks, drawSamples, sizesOf } from './sample-choice.ts';
import { concludeScaling } from './scaling-claims.ts';
import type { ScalingConfig, ScalingDesign } from './scaling-design.ts';
import { measurePoint } from './scaling-point.ts';
import { checkDictionary, type OpenedSpace, openSpace, scaledSpaces } from './scaling-spaces.ts';

const SIZES = {
  tiny: { points: 100, cases: 100, reference: 500, probes: 16 },
  paper: { points: 200, cases: 500, reference: 2000, probes: 64 },
} as const;
/** A sampled line through a transformer costs as much as a hundred exact ones through a small net. */
const MOST_TEXT_POINTS = 10;
const STREAM = { points: 1, reference: 2, tokens: 3 } as const;
const POINTS_PER_TASK = 25;

export const scaling: Experiment<ScalingConfig, ScalingDesign> = {
  name: 'scaling',
  tables: [SCALING_TABLE, VALIDITY_TABLE, PATHS_TABLE, PATH_LAYERS_TABLE],
  async plan(context) {
    const { config, variants } = context;
    const samples = context.samples!;
    const { seed } = config;
    const sizes = sizesOf(SIZES[config.profile], config.scaling);
    const network = await context.network(variants[0]!);
    const spaces = scaledSpaces(network, config.scaling.spaces);
    checkDictionary(network, spaces, config.scaling);
    const all = { from: 0, to: samples.count };
    const wanted =
      network.text && config.scaling.points === undefined
        ? Math.min(sizes.points, MOST_TEXT_POINTS)
        : sizes.points;
    const points = drawSamples(all, { wanted, seed, stream: STREAM.points });
    const tokens = network.text ? await drawTokens(context, points) : null;
    const inexact = [...new Set(network.text ? [] : spaces.flatMap((space) => network.inexact(space)))];
    return {
      unit: 'points',
      tasks: cutTasks(variants, points.length, POINTS_PER_TASK),
      points: network.text ? [] : points,
      ...(tokens === null ? {} : { coded: codedTokens(samples, points, tokens) }),
      notices: noticesOf(network, inexact),
      design: {
        spaces,
        points,
        tokens,
        reference: drawSamples(all, { wanted: sizes.reference, seed, stream: STREAM.reference }),
        factors: factorsOf(config.scaling.factors),
        cases: sizes.cases,
        probes: sizes.probes,
      },
    };
  },
  async *measure(task, context) {
    const network = await context.network(task.variant);
    const { design } = context;
    const spaces: OpenedSpace[] = [];
    try {
      const batch = await context.samples!.read(design.points.slice(task.from, task.to));
      const tokens = design.tokens?.slice(task.from, task.to) ?? null;
      for (const name of design.spaces)
        spaces.push(await openSpace(network, name, { context, batch, tokens }));
      for (let index = task.from; index < task.to; index++) {
        context.signal.throwIfAborted();
        const rows: TableRows[] = [];
        for (const space of spaces)
          rows.push(...(await measurePoint(space, { network, context, index, row: index - task.from })));
        yield { units: index + 1 - task.from, rows };
      }
    } finally {
      for (const space of spaces) await space.close();
    }
  },
  conclude: concludeScaling,
};

/** Geometric steps; the one nearest to 1 is moved there. */
export function factorsOf({ from, to, count }: ScalingConfig['scaling']['factors']): number[] {
  const step = Math.log(to / from) / (count - 1);
  const atOne = Math.min(count - 2, Math.max(1, Math.round(-Math.log(from) / step)));
  return Array.from({ length: count }, (_, i) => {
    if (i === atOne) return 1;
    return i === count - 1 ? to : from * Math.exp(i * step);
  });
}

async function drawTokens(
  { samples, config }: PlanContext<ScalingConfig>,
  points: readonly number[],
): Promise<number[]> {
  const { tokens } = await samples!.read(points);
  return points.map((point, i) => randomStream(config.seed, STREAM.tokens, point).below(tokens!.lengths[i]!));
}

function codedTokens({ shape }: Samples, points: readonly number[], tokens: readonly number[]): CodedPoints {
  const stride = shape[0]!;
  return { stride, points: points.map((point, i) => point * stride + tokens[i]!), areKept: false };
}

function noticesOf(network: Network, inexact: readonly string[]): string[] {
  if (network.text)
    return [
      'Scaling a residual stream leaves every MLP code behind its LayerNorm unchanged, so only spaces behind a LayerNorm are scaled; other tokens are frozen.',
      'The model is not piecewise linear: crossings are sampled lower bounds, and validity radii (E8) are not measured.',
    ];
  if (inexact.length === 0) return [];
  return [
    `Crossings are sampled lower bounds, and validity radii (E8) are not measured: ${inexact.join(', ')} are not piecewise linear.`,
  ];
}
