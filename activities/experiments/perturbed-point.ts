// One sample of E6: its directions, the paths along them, and their rows.

import { PERTURBATIONS_TABLE } from '#schemas/columns/lens/perturbations.ts';
import { randomStream } from '../numeric/rng.ts';
import { pointPair } from '../polytope/boundary-density.ts';
import type { PathCrossings } from '../polytope/crossing-events.ts';
import { classChanges, outputPieces, type OutputPieces, outputsAt } from '../polytope/linear-pieces.ts';
import { attackMargin, margin, marginGradients } from '../polytope/margin-attack.ts';
import type { PiecewiseNet } from '../polytope/piecewise-net.ts';
import { curveBetween } from '../polytope/polyline.ts';
import type { PullBack } from '../polytope/pull-back.ts';
import { crossingsOnSegments } from '../polytope/segment-crossings.ts';
import { CountedTaps } from './counted-taps.ts';
import type { MeasureContext, TableRows } from './experiment.ts';
import { type Network, variantName } from './network.ts';
import { argmax, type PathAnswer } from './path-answers.ts';
import { PathRows } from './path-rows.ts';
import type { PerturbationConfig, PerturbationDesign } from './perturbation.ts';
import { RowCollector } from './row-collector.ts';

const KINDS = ['gaussian', 'other_image', 'gradient', 'pgd'] as const;
type Kind = (typeof KINDS)[number];

/** What the paths table calls them. */
const PATH_KIND = {
  gaussian: 'gaussian',
  other_image: 'lerp',
  gradient: 'adversarial',
  pgd: 'adversarial',
} as const;
const STREAM = { gaussian: 3, attack: 4 } as const;
/** Answers are given at so many places of equal distance, and at changes of class. */
const ANSWERS = 33;

interface Parts {
  readonly network: Network;
  readonly net: PiecewiseNet;
  readonly pullBack: PullBack;
  readonly context: MeasureContext<PerturbationConfig, PerturbationDesign>;
}

/** One path away from a sample. */
interface Path {
  readonly id: number;
  readonly kind: Kind;
  readonly to: Float64Array;
  readonly found: PathCrossings;
  readonly pieces: OutputPieces;
}

/**
 * Rows of every table for one sample of the design. A direction that does not exist (a gradient of 0) has no path.
 * @param index - of the sample in the design.
 */
export async function measurePerturbed(index: number, parts: Parts): Promise<TableRows[]> {
  const { network, net, context } = parts;
  const { design, config } = context;
  const [own, other] = await vectorsOf([design.points[index]!, design.others[index]!], context);
  const paths = await solvePaths(
    index,
    own!,
    await directionsOf(index, { own: own!, other: other! }, parts),
    parts,
  );
  const rows = new PathRows({
    experiment: 'perturbation',
    model: variantName(network.variant),
    counted: new CountedTaps(network, net.taps),
    crossings: config.perturbation.crossings ? 'kept' : 'only counted',
  });
  const perturbations = new RowCollector(PERTURBATIONS_TABLE);
  const { length } = design;
  for (const path of paths) {
    const { distance, angle, normP: normA, normQ: normB } = pointPair(own!, path.to);
    rows.add(
      {
        pathId: path.id,
        kind: PATH_KIND[path.kind],
        pointA: design.points[index]!,
        pointB: null,
        sameClass: null,
        length,
        distance,
        angle,
        normA,
        normB,
      },
      path.found,
      { curve: curveBetween(own!, path.to, { kind: 'lerp' }) },
    );
    rows.addAnswers(path.id, answersOf(path.pieces));
    perturbations.add({
      model: variantName(network.variant),
      path_id: path.id,
      point_id: design.points[index]!,
      direction: path.kind,
      length,
      ...columnsOf(path, length),
    });
  }
  return [perturbations.take(), ...rows.take()].filter(({ rows: count }) => count > 0);
}

async function vectorsOf(
  numbers: readonly number[],
  { samples }: Pick<Parts['context'], 'samples'>,
): Promise<Float64Array[]> {
  const { input } = await samples!.read(numbers);
  const size = input.data.length / numbers.length;
  return numbers.map((_, row) =>
    Float64Array.from(input.data.subarray(row * size, (row + 1) * size), Number),
  );
}

/** Directions, not yet of any length; null where one does not exist. */
async function directionsOf(
  index: number,
  { own, other }: { own: Float64Array; other: Float64Array },
  { pullBack, context: { config } }: Parts,
): Promise<Record<Kind, Float64Array>> {
  const { seed } = config;
  const { outputs } = await pullBack.at(own, (logits) => new Float64Array(logits.length));
  const targets = Int32Array.of(argmax(outputs));
  const gradient = await marginGradients(pullBack, own, targets);
  const { epsilon, step, steps } = config.perturbation.attack;
  const attacked = await attackMargin(
    pullBack,
    { points: own, targets },
    { epsilon, step, steps, random: () => randomStream(seed, STREAM.attack, index) },
  );
  const random = randomStream(seed, STREAM.gaussian, index);
  return {
    gaussian: Float64Array.from({ length: own.length }, random.normal),
    other_image: other.map((value, i) => value - own[i]!),
    gradient: gradient.map((value) => -value),
    pgd: attacked.map((value, i) => value - own[i]!),
  };
}

async function solvePaths(
  index: number,
  own: Float64Array,
  directions: Record<Kind, Float64Array>,
  { net, context: { design, signal } }: Parts,
): Promise<Path[]> {
  const { length } = design;
  const kinds = KINDS.filter((kind) => directions[kind].some((value) => value !== 0));
  const ends = kinds.map((kind) => {
    const norm = Math.hypot(...directions[kind]);
    return own.map((value, i) => value + (length * directions[kind][i]!) / norm);
  });
  const from = new Float64Array(kinds.length * own.length);
  const to = new Float64Array(from.length);
  ends.forEach((end, i) => {
    from.set(own, i * own.length);
    to.set(end, i * own.length);
  });
  const nameOf = (path: number) => `sample ${design.points[index]}, direction ${kinds[path]}`;
  const solved = await crossingsOnSegments(net, {
    from,
    to,
    nameOf,
    signal,
    outputs: 'at-breakpoints',
    lengths: 'per-tap',
  });
  return solved.map((found, i) => ({
    id: index * KINDS.length + KINDS.indexOf(kinds[i]!),
    kind: kinds[i]!,
    to: ends[i]!,
    found,
    pieces: outputPieces(found, net.outputs),
  }));
}

function answersOf(pieces: OutputPieces): PathAnswer[] {
  const places = Array.from({ length: ANSWERS }, (_, i) => i / (ANSWERS - 1));
  return [
    ...places.map((t) => ({ t, logits: outputsAt(pieces, t), changesTo: null })),
    ...classChanges(pieces).map(({ t, to }) => ({ t, logits: outputsAt(pieces, t), changesTo: to })),
  ].sort((a, b) => a.t - b.t);
}

function columnsOf({ found: { flips }, pieces }: Path, length: number) {
  const bits = Array.from(flips.t.keys()).filter((i) => flips.isPool[i] === 0);
  const start = pieces.outputs.subarray(0, pieces.width);
  const predicted = argmax(start);
  const change = classChanges(pieces)[0];
  return {
    crossings: bits.length,
    crossings_per_length: bits.length / length,
    first_crossing: bits.length === 0 ? null : flips.t[bits[0]!]! * length,
    pred_class: predicted,
    margin: margin(start, predicted),
    class_change: change === undefined ? null : change.t * length,
    changes_to: change?.to ?? null,
    crossings_before_change: change === undefined ? null : bits.filter((i) => flips.t[i]! < change.t).length,
  };
}
