// E9: are directions in the space of codes about one thing more than those in the space of activations? The idea is the
// authors', the recipe that of the specification.

import { CODE_DIRECTIONS_TABLE } from '#schemas/columns/lens/code-directions.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ModelLensConfig } from '#schemas/lens-config.ts';
import { bernoulliNmf } from '../numeric/bernoulli-nmf.ts';
import type { Observations } from '../numeric/matrix.ts';
import { nmf } from '../numeric/nmf.ts';
import { pca, projectOntoComponents } from '../numeric/pca.ts';
import { randomStream } from '../numeric/rng.ts';
import { projectionsOnto, randomDirection, topOfDirection } from '../polytope/fair-baselines.ts';
import { setScores } from '../polytope/monosemanticity.ts';
import { unpackSigns } from '../polytope/sign-code.ts';
import { type ChosenPoints, choosePoints, codedPoints, layerPoints } from './cluster-points.ts';
import { concludeCodeDirections } from './code-direction-claims.ts';
import type {
  Chunk,
  Experiment,
  ExperimentPlan,
  LensTask,
  MeasureContext,
  PlanContext,
} from './experiment.ts';
import { type Network, variantName } from './network.ts';
import { RowCollector } from './row-collector.ts';
import { sizesOf } from './sample-choice.ts';

type Config = Extract<ModelLensConfig, { experiment: 'code_directions' }>;

interface Design extends ChosenPoints {
  /** Null without labels. */
  readonly classes: number | null;
  /** Numbers of the taps, one unit of work each. */
  readonly taps: readonly number[];
  readonly components: number;
}

const SIZES = { tiny: { points: 2000, components: 20 }, paper: { points: 10_000, components: 50 } } as const;
/** When factorisations stop: the ends of components do not hang on the last digits of the loss. */
const STOP = { iterations: 100, tolerance: 1e-4 } as const;
const RANDOM_STREAM = 8;

export const codeDirections: Experiment<Config, Design> = {
  name: 'code_directions',
  tables: [CODE_DIRECTIONS_TABLE],
  plan,
  measure,
  conclude: concludeCodeDirections,
};

async function plan(context: PlanContext<Config>): Promise<ExperimentPlan<Design>> {
  const { config, samples, variants } = context;
  const { code_directions: options, seed } = config;
  const network = await context.network(variants[0]!);
  const { points: wanted, components } = sizesOf(SIZES[config.profile], options);
  const least = 2 * options.topPoints;
  const chosen = await choosePoints(samples!, { text: network.text, wanted, least, seed });
  const taps = tapsNamed(network, options.span);
  const isLabelled = chosen.labels.some((label) => label >= 0);
  const classes = isLabelled ? Math.max(...chosen.labels, (samples!.classes ?? 0) - 1) + 1 : null;
  return {
    unit: 'layers',
    tasks: variants.flatMap((variant) => taps.map((_, unit) => ({ variant, from: unit, to: unit + 1 }))),
    design: { ...chosen, classes, taps, components },
    points: network.text ? [] : chosen.points,
    coded: codedPoints(chosen),
    notices: isLabelled ? [] : ['the data has no labels: components are not scored, and nothing is claimed'],
  };
}

function tapsNamed({ taps }: Network, span: string | readonly string[] | undefined): number[] {
  if (span === undefined) return taps.map((_, tap) => tap);
  return [span].flat().map((wanted) => {
    const tap = taps.findIndex(({ name }) => name === wanted);
    if (tap >= 0) return tap;
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'no layer has this name',
      where: 'code_directions.span',
      value: String(wanted),
      remedy: `Choose among: ${taps.map(({ name }) => name).join(', ')}.`,
    });
  });
}

async function* measure(task: LensTask, context: MeasureContext<Config, Design>): AsyncIterable<Chunk> {
  const { config, design, samples, signal } = context;
  const network = await context.network(task.variant);
  const tap = design.taps[task.from]!;
  const { values } = config.code_directions;
  const found = await layerPoints(network, samples!, {
    chosen: design,
    tap,
    values,
    toOutput: false,
    countAmbiguous: false,
    signal,
  });
  const { activations, layerCodes } = found;
  const bits = unpackSigns(layerCodes, { rows: activations.rows, neurons: activations.cols });
  const codes = { ...activations, values: Float32Array.from(bits) };
  const rows = new RowCollector(CODE_DIRECTIONS_TABLE);
  const facts = { model: variantName(task.variant), layer_id: tap, span: network.taps[tap]!.name };
  const options = { components: design.components, seed: config.seed };
  for (const { method, ends } of [...codeAxes(codes, options), ...activationAxes(activations, options)]) {
    signal.throwIfAborted();
    ends.forEach(({ top, bottom }, component) => {
      addEnd(rows, { ...facts, method, component, end: 'top' }, { shares: top, context });
      if (bottom !== null)
        addEnd(rows, { ...facts, method, component, end: 'bottom' }, { shares: bottom, context });
    });
  }
  yield { units: 1, rows: [rows.take()] };
}

/** Shares whose highest points are an end of a component. */
interface Ends {
  readonly top: Float64Array;
  readonly bottom: Float64Array | null;
}

interface Axes {
  readonly method: string;
  readonly ends: readonly Ends[];
}

interface AxesOptions {
  readonly components: number;
  readonly seed: number;
}

function codeAxes(codes: Observations, { components, seed }: AxesOptions): Axes[] {
  const rank = Math.min(components, codes.cols);
  const { weights } = bernoulliNmf(codes, { rank, seed, ...STOP });
  return [
    { method: 'code_pca', ends: principalEnds(codes, { components, seed }) },
    { method: 'code_nmf', ends: columnsOf(weights, rank).map((top) => ({ top, bottom: null })) },
  ];
}

/** NMF sees negative values (GELU) as zero. */
function activationAxes(activations: Observations, { components, seed }: AxesOptions): Axes[] {
  const { values, rows, cols } = activations;
  const rank = Math.min(components, cols);
  const positive = { rows, cols, values: values.map((value) => Math.max(0, value)) };
  const { weights } = nmf(positive, { rank, seed, ...STOP });
  const random = randomStream(seed, RANDOM_STREAM);
  return [
    { method: 'act_pca', ends: principalEnds(activations, { components, seed }) },
    { method: 'act_nmf', ends: columnsOf(weights, rank).map((top) => ({ top, bottom: null })) },
    {
      method: 'neuron',
      ends: columnsOf(values, cols).flatMap((top) => (isConstant(top) ? [] : [bothEnds(top)])),
    },
    {
      method: 'random_direction',
      ends: Array.from({ length: components }, () =>
        bothEnds(projectionsOnto(activations, randomDirection(cols, random))),
      ),
    },
  ];
}

function principalEnds(x: Observations, { components, seed }: AxesOptions): Ends[] {
  const principal = pca(x, { components, seed });
  return columnsOf(projectOntoComponents(x, principal), principal.count).map(bothEnds);
}

function bothEnds(top: Float64Array): Ends {
  return { top, bottom: top.map((share) => -share) };
}

function columnsOf(values: Float32Array | Float64Array, cols: number): Float64Array[] {
  return Array.from({ length: cols }, (_, column) =>
    Float64Array.from({ length: values.length / cols }, (_, row) => values[row * cols + column]!),
  );
}

/** A dead unit has no top points. */
function isConstant(shares: Float64Array): boolean {
  return shares.every((share) => share === shares[0]);
}

function addEnd(
  rows: RowCollector,
  facts: Readonly<Record<string, string | number>>,
  { shares, context }: { shares: Float64Array; context: MeasureContext<Config, Design> },
): void {
  const { design, config } = context;
  const members = topOfDirection(shares, config.code_directions.topPoints);
  const labels = { classOf: Int32Array.from(design.labels), classes: design.classes ?? 0 };
  const scores = design.classes === null ? null : setScores(members, labels);
  rows.add({
    ...facts,
    point_ids: Int32Array.from(members, (member) => design.points[member]!),
    purity: scores?.purity ?? null,
    entropy_bits: scores?.entropyBits ?? null,
    eff_classes: scores?.effectiveClasses ?? null,
    top_label: scores?.topLabel ?? null,
  });
}
