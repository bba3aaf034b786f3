// What clusters say: purer than fair baselines, in agreement with labels, more so than untrained nets and than pixels.

import { type Claim, type Evidence, judgeFamily } from '../polytope/claim.ts';
import { CLAIMED_BASELINES } from './cluster-baselines.ts';
import type { ClustersConfig, ClustersDesign } from './cluster-design.ts';
import { jackknifeDifference, jackknifeError, pairedEvidence, waldPValue } from './cluster-evidence.ts';
import type { ConcludeContext, Conclusion, ReadTable } from './experiment.ts';
import { groupRows, numberAt } from './grouped-rows.ts';
import { variantName } from './network.ts';

const EXPERIMENT = 'clusters';

const WORDS: Readonly<Record<(typeof CLAIMED_BASELINES)[number], string>> = {
  neuron: 'the top points of their best-aligned neuron',
  pca: 'the top points of their best-aligned principal component',
  nmf: 'the top points of their best-aligned NMF component',
  ica: 'the top points of their best-aligned independent component',
  random_direction: 'the top points of a random direction',
  centroid_direction: 'the top points of the direction to their mean',
  ball: 'the nearest points of a random point',
  neuron_cluster: 'the core of a part of what their best-aligned neuron answers to',
  kmeans: 'the core of the k-means cluster that holds most of them',
  bisecting_kmeans: 'the core of the bisecting k-means cluster that holds most of them',
};

type Context = Pick<
  ConcludeContext<ClustersConfig, ClustersDesign>,
  'config' | 'design' | 'variants' | 'read'
>;

/** The first density clustering of one space. */
interface Clustering {
  readonly model: string;
  readonly span: string;
  readonly feature: string;
  readonly clusters: number;
  readonly noise: number;
  readonly ami: number;
  readonly low: number;
  readonly high: number;
  readonly leftOut: readonly number[];
}

/** Families are one claim of one model over layers and features. Without labels nothing is claimed. */
export async function concludeClusters(context: Context): Promise<Conclusion> {
  if (context.design.classes === null) return { claims: [], rows: [], notices: [] };
  const purity = await purityClaims(context);
  const clusterings = firstClusterings(
    await context.read('clusterings', [
      ...['model', 'span', 'feature', 'is_first', 'n_clusters', 'noise_fraction'],
      ...['ami_all', 'ci_low', 'ci_high', 'ami_all_left_out'],
    ]),
  );
  const trained = clusterings.filter(({ model, feature }) => model === 'trained' && isOfLayer(feature));
  const claims = [
    ...purity,
    ...context.variants.flatMap((variant) =>
      judgeFamily(
        clusterings
          .filter(({ model, feature }) => model === variantName(variant) && isOfLayer(feature))
          .map((one) => agreementEvidence(one, context.design)),
      ),
    ),
    ...againstRandomNets(trained, clusterings, context.design),
    ...againstInput(trained, clusterings, context.design),
  ];
  return { claims, rows: [], notices: coverageNotices(trained) };
}

/** Not a control within the trained model. */
function isOfLayer(feature: string): boolean {
  return feature !== 'code_layer_permuted' && !feature.startsWith('pixels');
}

async function purityClaims({ config, variants, read }: Context): Promise<Claim[]> {
  const table = await read('clusters', [
    ...['model', 'span', 'feature', 'baseline_kind'],
    ...['entropy_bits', 'baseline_entropy_bits'],
  ]);
  const groups = groupRows(table, ['model', 'baseline_kind', 'span', 'feature']);
  return variants.flatMap((variant) => {
    const model = variantName(variant);
    // Controls are asked the main question only.
    const kinds = variant.kind === 'trained' ? CLAIMED_BASELINES : (['neuron'] as const);
    return kinds.flatMap((kind) =>
      judgeFamily(
        groups
          .filter(({ key }) => key[0] === model && key[1] === kind)
          .map(({ key, rows }) => {
            const statement = {
              claim: `clusters are purer than ${WORDS[kind]}`,
              experiment: EXPERIMENT,
              model,
              span: `${key[2]}/${key[3]}`,
              nullEffect: 0,
              predicted: 'above',
            } as const;
            return pairedEvidence(statement, entropyGains(table, rows), config.seed);
          }),
      ),
    );
  });
}

/** Per cluster: entropy of the baseline less that of the cluster, in bits. */
function entropyGains({ columns }: ReadTable, rows: readonly number[]): number[] {
  return rows.flatMap((row) => {
    const own = numberAt(columns.entropy_bits!, row);
    const other = numberAt(columns.baseline_entropy_bits!, row);
    return own === null || other === null ? [] : [other - own];
  });
}

function firstClusterings(table: ReadTable): Clustering[] {
  const { columns } = table;
  return Array.from({ length: table.rows }, (_, row) => row)
    .filter((row) => columns.is_first![row] === true && numberAt(columns.ami_all!, row) !== null)
    .map((row) => ({
      model: String(columns.model![row]),
      span: String(columns.span![row]),
      feature: String(columns.feature![row]),
      clusters: numberAt(columns.n_clusters!, row)!,
      noise: numberAt(columns.noise_fraction!, row)!,
      ami: numberAt(columns.ami_all!, row)!,
      low: numberAt(columns.ci_low!, row)!,
      high: numberAt(columns.ci_high!, row)!,
      leftOut: Array.from(columns.ami_all_left_out![row] as ArrayLike<number>),
    }));
}

/** Images or sequences. */
function independentUnits({ points, stride }: ClustersDesign): number {
  return new Set(points.map((point) => Math.floor(point / stride))).size;
}

function agreementEvidence(
  { model, span, feature, ami, low, high, leftOut }: Clustering,
  design: ClustersDesign,
): Evidence {
  return {
    claim: 'clusters, with noise as one of them, agree with labels (adjusted mutual information)',
    experiment: EXPERIMENT,
    model,
    span: `${span}/${feature}`,
    effect: ami,
    interval: { low, high },
    nullEffect: 0,
    // Shuffles cannot go below one in their number, which a family of many layers would not pass.
    pValue: waldPValue(ami, jackknifeError(leftOut)),
    predicted: 'above',
    n: independentUnits(design),
  };
}

function againstRandomNets(
  trained: readonly Clustering[],
  all: readonly Clustering[],
  design: ClustersDesign,
): Claim[] {
  const claim = 'clusters agree with labels more in the trained net than in random nets';
  return judgeFamily(
    trained.flatMap((own) => {
      const nets = all.filter(
        ({ model, span, feature }) =>
          model.startsWith('random_init') && span === own.span && feature === own.feature,
      );
      return nets.length === 0 ? [] : [contrast(claim, { own, others: nets, design })];
    }),
  );
}

function againstInput(
  trained: readonly Clustering[],
  all: readonly Clustering[],
  design: ClustersDesign,
): Claim[] {
  return ['pixels', 'pixels_pca50'].flatMap((feature) => {
    const input = all.filter((one) => one.model === 'trained' && one.feature === feature);
    const claim = `clusters agree with labels more than those of the model input (${feature})`;
    if (input.length === 0) return [];
    return judgeFamily(trained.map((own) => contrast(claim, { own, others: input, design })));
  });
}

/** AMI less the mean of that of others on the same points. */
function contrast(
  claim: string,
  { own, others, design }: { own: Clustering; others: readonly Clustering[]; design: ClustersDesign },
): Evidence {
  const statement = { claim, experiment: EXPERIMENT, model: 'trained', span: `${own.span}/${own.feature}` };
  const scored = ({ ami, leftOut }: Clustering) => ({ value: ami, leftOut });
  return jackknifeDifference(
    { ...statement, nullEffect: 0, predicted: 'above' },
    { own: scored(own), others: others.map(scored), n: independentUnits(design) },
  );
}

/** Scores of clusters are about the points in clusters only: how many those are. */
function coverageNotices(trained: readonly Clustering[]): string[] {
  if (trained.length === 0) return [];
  const shares = trained.map(({ noise }) => 1 - noise);
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const none = trained
    .filter(({ clusters }) => clusters === 0)
    .map(({ span, feature }) => `${span}/${feature}`);
  return [
    `clusters cover ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} of the points: their purity is about those`,
    ...(none.length === 0 ? [] : [`no cluster in ${none.join(', ')}`]),
  ];
}
