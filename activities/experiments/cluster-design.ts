// The plan of experiment E2: which points, which layers, what of them is clustered, and with which settings.

import type { CLUSTER_FEATURES } from '#schemas/experiments/clusters.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ModelLensConfig } from '#schemas/lens-config.ts';
import type { ClusterSelection } from '../polytope/cluster-selection.ts';
import { type ChosenPoints, choosePoints, codedPoints } from './cluster-points.ts';
import type { ExperimentPlan, LensTask, PlanContext } from './experiment.ts';
import type { Network } from './network.ts';
import { sizesOf } from './sample-choice.ts';

export type ClustersConfig = Extract<ModelLensConfig, { experiment: 'clusters' }>;
type LayerFeature = (typeof CLUSTER_FEATURES)[number];

/** What points are: see the clusterings table. */
export type Feature =
  | LayerFeature
  | 'act_l2_pca50'
  | 'act_cos_pca50'
  | 'code_layer_permuted'
  | 'pixels'
  | 'pixels_pca50';

/** One set of points that is clustered with every setting. */
export interface ClusterUnit {
  /** -1 for the model input. */
  readonly tap: number;
  readonly span: string;
  readonly feature: Feature;
  /** Which side of the activation function vectors are taken from. */
  readonly values: 'pre' | 'post';
}

export interface ClusterSetting {
  readonly minClusterSize: number;
  readonly minSamples: number;
  readonly selection: ClusterSelection;
}

export interface ClustersDesign extends ChosenPoints {
  readonly classes: number | null;
  /** Layer by layer; those that only the trained model has come last in their layer. */
  readonly units: readonly ClusterUnit[];
  /** Claims are about the first. */
  readonly settings: readonly ClusterSetting[];
  readonly components: number;
}

const SIZES = { tiny: { points: 2000, components: 20 }, paper: { points: 10_000, components: 50 } } as const;
export const FEW_DIMENSIONS = 50;
const METRICS = {
  act_l2: 'euclid',
  act_cos: 'cosine',
  code_layer: 'hamming',
  code_to_output: 'hamming',
} as const;
const BOTH = { act: ['act_l2', 'act_cos'], code: ['code_layer', 'code_to_output'] } as const;

/** @throws PipelineError `config-invalid` for an unknown span or no feature left; `data-invalid` for too few points. */
export async function planClusters(
  context: PlanContext<ClustersConfig>,
): Promise<ExperimentPlan<ClustersDesign>> {
  const { config, samples, variants } = context;
  const network = await context.network(variants[0]!);
  const { points: wanted, components } = sizesOf(SIZES[config.profile], config.clusters);
  const settings = settingsOf(config);
  const least = Math.max(
    ...settings.flatMap(({ minClusterSize, minSamples }) => [minClusterSize, minSamples]),
  );
  const chosen = await choosePoints(samples!, { text: network.text, wanted, least, seed: config.seed });
  const units = unitsOf(network, config);
  const isLabelled = chosen.labels.some((label) => label >= 0);
  const classes = isLabelled ? Math.max(...chosen.labels, (samples!.classes ?? 0) - 1) + 1 : null;
  return {
    unit: 'spaces',
    tasks: tasksOf(units, variants),
    design: { ...chosen, classes, units, settings, components },
    points: network.text ? [] : chosen.points,
    coded: codedPoints(chosen),
    notices: [
      ...(isLabelled ? [] : ['the data has no labels: clusters are not scored, and nothing is claimed']),
      ...(chosen.points.length < wanted ? [`only ${chosen.points.length} of ${wanted} points`] : []),
    ],
  };
}

/** One value or several, as a list. */
function listed<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** Every combination once; the first values of all options come first. */
function settingsOf({ clusters }: ClustersConfig): ClusterSetting[] {
  const all = listed(clusters.minClusterSize).flatMap((minClusterSize) =>
    listed(clusters.minSamples).flatMap((samples) =>
      listed(clusters.selection).map((selection) => ({
        minClusterSize,
        minSamples: samples === 'minClusterSize' ? minClusterSize : samples,
        selection,
      })),
    ),
  );
  const keys = all.map((setting) => JSON.stringify(setting));
  return all.filter((_, i) => keys.indexOf(keys[i]!) === i);
}

function unitsOf(network: Network, { clusters }: ClustersConfig): ClusterUnit[] {
  const features = featuresOf(clusters);
  const values = clusters.values === 'pre' ? 'pre' : 'post';
  const names = clusters.span === undefined ? network.taps.map(({ name }) => name) : listed(clusters.span);
  const units = names.flatMap((span) => {
    if (span === 'network') return networkUnits(features);
    const tap = network.taps.findIndex(({ name }) => name === span);
    if (tap < 0) throw unknownSpan(network, span);
    const own = layerUnits(network, tap, features).map((unit) => ({ ...unit, values }) as const);
    if (clusters.values !== 'both') return own;
    const before = own.filter(({ feature }) => feature.startsWith('act'));
    return [...own, ...before.map((unit) => ({ ...unit, span: `${span}:pre`, values: 'pre' }) as const)];
  });
  const hasActivations = features.some((feature) => feature.startsWith('act'));
  if (network.text || !hasActivations) return units;
  const reduced =
    network.startSpaces[0]!.size > FEW_DIMENSIONS
      ? (['pixels', 'pixels_pca50'] as const)
      : (['pixels'] as const);
  return [...units, ...reduced.map((feature) => ({ tap: -1, span: 'input', feature, values }) as const)];
}

function featuresOf(clusters: ClustersConfig['clusters']): LayerFeature[] {
  const named = listed(clusters.feature).flatMap((feature): readonly LayerFeature[] =>
    feature === 'act' || feature === 'code' ? BOTH[feature] : [feature],
  );
  const metrics = clusters.metric === undefined ? null : listed(clusters.metric);
  const kept = [...new Set(named)].filter(
    (feature) => metrics === null || metrics.includes(METRICS[feature]),
  );
  if (kept.length > 0) return kept;
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'no feature has this distance',
    where: 'clusters.metric',
    value: `${metrics?.join(', ')} for ${named.join(', ')}`,
    remedy: 'Use euclid with act_l2, cosine with act_cos, hamming with codes, or leave the metric out.',
  });
}

function networkUnits(features: readonly LayerFeature[]): ClusterUnit[] {
  if (features.some((feature) => METRICS[feature] === 'hamming'))
    return [{ tap: 0, span: 'network', feature: 'code_to_output', values: 'post' }];
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'activations of several layers are no one space',
    where: 'clusters.span',
    value: 'network',
    remedy: 'Use feature: code with span: network, or name a layer.',
  });
}

function layerUnits(
  { taps, text }: Network,
  tap: number,
  features: readonly LayerFeature[],
): Omit<ClusterUnit, 'values'>[] {
  const { name, channels, codeBits } = taps[tap]!;
  // Of the last layer both codes are the same, unless one of them is that of a whole map.
  const isSame = tap === taps.length - 1 && (text || codeBits === channels);
  const kept = features.filter(
    (feature) => feature !== 'code_to_output' || !isSame || !features.includes('code_layer'),
  );
  const withReduced = kept.flatMap((feature): Feature[] =>
    feature.startsWith('act') && channels > FEW_DIMENSIONS
      ? [feature, `${feature as 'act_l2' | 'act_cos'}_pca50`]
      : [feature],
  );
  const all: Feature[] = kept.includes('code_layer') ? [...withReduced, 'code_layer_permuted'] : withReduced;
  return all.map((feature) => ({ tap, span: name, feature }));
}

/** True for what does not depend on the weights, or is a control itself. */
function isTrainedOnly({ feature }: ClusterUnit): boolean {
  return feature === 'code_layer_permuted' || feature.startsWith('pixels');
}

/** A task for each layer of each model. */
function tasksOf(
  units: readonly ClusterUnit[],
  variants: PlanContext<ClustersConfig>['variants'],
): LensTask[] {
  const starts = units.flatMap(({ span }, i) => (i === 0 || units[i - 1]!.span !== span ? [i] : []));
  return variants.flatMap((variant) =>
    starts.flatMap((from, i) => {
      const own = units.slice(from, starts[i + 1] ?? units.length);
      const count =
        variant.kind === 'trained' ? own.length : own.filter((unit) => !isTrainedOnly(unit)).length;
      return count === 0 ? [] : [{ variant, from, to: from + count }];
    }),
  );
}

function unknownSpan({ taps }: Network, span: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: 'no layer has this name',
    where: 'clusters.span',
    value: span,
    remedy: `Choose among: network, ${taps.map(({ name }) => name).join(', ')}.`,
  });
}
