// One point of one space: the lines through it that are scaled, and the directions whose validity radius is measured.

import { VALIDITY_TABLE } from '#schemas/columns/lens/scaling.ts';
import { randomStream } from '../numeric/rng.ts';
import type { DirectionKind } from '../polytope/directions.ts';
import type { MeasureContext, TableRows } from './experiment.ts';
import type { LineNet } from './line-net.ts';
import { type Network, variantName } from './network.ts';
import { RowCollector } from './row-collector.ts';
import type { ScalingConfig, ScalingDesign } from './scaling-design.ts';
import { type Line, type LineKey, LineRows, placesOn } from './scaling-lines.ts';
import type { OpenedSpace } from './scaling-spaces.ts';
import { measureValidity } from './validity-radius.ts';

const STREAM_OF_CASES = 4;

/** A point of the design. */
export interface PointWork {
  readonly network: Network;
  readonly context: MeasureContext<ScalingConfig, ScalingDesign>;
  /** Number of the point in the design. */
  readonly index: number;
  /** The same within the task. */
  readonly row: number;
}

/** Rows of the scaling and validity tables for one point in one space. */
export async function measurePoint(space: OpenedSpace, work: PointWork): Promise<TableRows[]> {
  const { network, context, index } = work;
  const { design, config, signal } = context;
  const { vector: point, label } = space.points[work.row]!;
  const net = await space.linesAt(work.row);
  const key: LineKey = {
    model: variantName(network.variant),
    space: space.name,
    point_id: design.points[index]!,
    token_index: design.tokens?.[index] ?? null,
  };
  const rows = new LineRows(network, net, firstPath(space.name, work));
  const lines = config.scaling.directions.flatMap((kind) => {
    const line = scaledLine(space, kind, { index, point, label, factors: design.factors });
    return line === null ? [] : [line];
  });
  await addLines(net, rows, { key, lines, signal });
  const whole = lines.filter(({ direction }) => direction === 'whole');
  if (space.biasFree !== null)
    await addLines(space.biasFree, rows, {
      key: { ...key, model: 'bias_free' },
      lines: whole,
      signal,
    });
  const validity = await addCases(space, work, { net, key, rows });
  return [...rows.take(), validity.take()].filter(({ rows: count }) => count > 0);
}

/** Number of a point's first path: scaled lines, those of the copy without biases, and two sides of each case. */
function firstPath(space: string, { context: { config, design }, index }: PointWork): number {
  const cases = Math.ceil(design.cases / design.points.length);
  const most = config.scaling.directions.length + 1 + 2 * cases;
  return (index * design.spaces.length + design.spaces.indexOf(space)) * most;
}

/** E8, where the network is piecewise linear and has outputs. */
async function addCases(
  space: OpenedSpace,
  { context: { design, config, signal }, index, row }: PointWork,
  { net, key, rows }: { net: LineNet; key: LineKey; rows: LineRows },
): Promise<RowCollector> {
  const validity = new RowCollector(VALIDITY_TABLE);
  const { piecewise } = net;
  if (piecewise === null || net.outputs === 0) return validity;
  const { vector: point, label } = space.points[row]!;
  for (const { kind, number } of casesOf(config, design, index)) {
    const direction = space.directions.of(kind, { index: number, point, label });
    if (direction === null) continue;
    const random = randomStream(config.seed, STREAM_OF_CASES, number);
    await measureValidity(
      { ...net, piecewise },
      { key, point, direction, random, probes: design.probes },
      { rows, validity, signal },
    );
  }
  return validity;
}

/** The line on which the component along a direction takes every factor; null where there is no such component. */
function scaledLine(
  space: OpenedSpace,
  kind: ScalingConfig['scaling']['directions'][number],
  {
    index,
    point,
    label,
    factors,
  }: { index: number; point: Float64Array; label: number; factors: readonly number[] },
): Line | null {
  const norm = Math.hypot(...point);
  if (norm === 0) return null;
  const direction =
    kind === 'whole'
      ? { name: 'whole', vector: point.map((value) => value / norm) }
      : space.directions.of(kind, { index, point, label });
  if (direction === null) return null;
  const along =
    kind === 'whole' ? norm : point.reduce((sum, value, i) => sum + value * direction.vector[i]!, 0);
  // Less than this is rounding: ten times it is no distance at all.
  if (Math.abs(along) < 1e-6 * norm) return null;
  return {
    direction: direction.name,
    point,
    vector: direction.vector,
    part: 'scale',
    places: Float64Array.from(factors, (factor) => (factor - 1) * along),
    factors: Float64Array.from(factors),
  };
}

async function addLines(
  net: LineNet,
  rows: LineRows,
  {
    key,
    lines,
    signal,
  }: {
    key: LineKey;
    lines: readonly Line[];
    signal: AbortSignal;
  },
): Promise<void> {
  for (const line of lines) {
    const values = placesOn(line);
    const size = line.point.length;
    const from = values.slice(size, 2 * size);
    const to = values.slice(-size);
    const nameOf = () => `point ${key.point_id} in ${key.space}, ${line.direction}`;
    const [found] = await net.crossings({ from, to }, { nameOf, signal });
    rows.add(key, line, found!, await net.values(values, line.places.length + 1));
  }
}

/** Cases of a point: spread evenly over the points, kinds in turn. */
function casesOf(
  { scaling: options }: ScalingConfig,
  { cases, points }: ScalingDesign,
  index: number,
): { kind: DirectionKind; number: number }[] {
  const kinds = options.directions.filter((kind) => kind !== 'whole');
  if (kinds.length === 0) return [];
  const first = Math.ceil((cases * index) / points.length);
  const end = Math.ceil((cases * (index + 1)) / points.length);
  return Array.from({ length: end - first }, (_, i) => ({
    kind: kinds[(first + i) % kinds.length]!,
    number: first + i,
  }));
}
