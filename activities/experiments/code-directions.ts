// E9: are directions in the space of codes about one thing more than those in the space of activations? The idea is the
// authors', the recipe that of the specification.

import { CLUSTERS_TABLE } from '#schemas/columns/lens/clusters.ts';
import { CODE_DIRECTIONS_TABLE } from '#schemas/columns/lens/code-directions.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ModelLensConfig } from '#schemas/lens-config.ts';
import { topOfDirection } from '../polytope/fair-baselines.ts';
import { setScores } from '../polytope/monosemanticity.ts';
import { unpackSigns } from '../polytope/sign-code.ts';
import { type ChosenPoints, choosePoints, codedPoints, layerPoints } from './cluster-points.ts';
import { activationAxes, codeAxes, decomposed } from './code-direction-axes.ts';
import { codeClusterRows } from './code-direction-clusters.ts';
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

export const codeDirections: Experiment<Config, Design> = {
  name: 'code_directions',
  tables: [CODE_DIRECTIONS_TABLE, CLUSTERS_TABLE],
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
  const ofCodes = codeAxes(codes, options);
  const ofActivations = activationAxes(activations, options);
  for (const { method, ends } of [...ofCodes, ...ofActivations]) {
    signal.throwIfAborted();
    ends.forEach(({ top, bottom }, component) => {
      addEnd(rows, { ...facts, method, component, end: 'top' }, { shares: top, context });
      if (bottom !== null)
        addEnd(rows, { ...facts, method, component, end: 'bottom' }, { shares: bottom, context });
    });
  }
  const clusters = await codeClusterRows(
    {
      ...facts,
      tap,
      layerCodes,
      bits: codes,
      activations,
      ofCodes: decomposed(ofCodes),
      ofActivations: decomposed(ofActivations),
      points: design.points,
      labels: design.labels,
      classes: design.classes,
      seed: config.seed,
    },
    { signal, ...(context.runBlocks === undefined ? {} : { runBlocks: context.runBlocks }) },
  );
  yield { units: 1, rows: [rows.take(), clusters] };
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
