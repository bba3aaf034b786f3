// clusterings.parquet, clusters.parquet and cluster_members.parquet: density clusters with what they are compared with.

import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, ColumnType, TableDef } from '../column.ts';

function column(name: string, type: ColumnType, unit: string, description: string): ColumnDef {
  return { name, type, unit, nullable: false, description };
}

function optional(name: string, type: ColumnType, unit: string, description: string): ColumnDef {
  return { name, type, unit, nullable: true, description };
}

const CLUSTERING_ID = column(
  'clustering_id',
  'utf8',
  '',
  'Layer, feature, algorithm and setting; names a clustering within its model.',
);

/** What was clustered. */
const SPACE: readonly ColumnDef[] = [
  optional('layer_id', 'int32', 'number of the tap', 'Layers table; null for the model input.'),
  column('span', 'utf8', '', "The tap's name, `network`, or `input`."),
  column(
    'feature',
    'utf8',
    'act_l2 | act_cos | code_layer | code_to_output, with _pca50 or _permuted; pixels | pixels_pca50',
    'What points are: activations, codes, codes with every bit shuffled over the points, or the model input.',
  ),
  column('metric', 'utf8', 'euclid | cosine | hamming', 'Distance.'),
];

export const CLUSTERINGS_TABLE: TableDef = {
  name: 'clusterings',
  path: 'clusterings.parquet',
  order: 'model, span, feature, algorithm and setting as configured',
  description:
    'One row per clustering: noise, agreement with labels, and how much of that is chance. k-means rows have as many clusters as the first density clustering of their space.',
  columns: [
    MODEL_COLUMN,
    CLUSTERING_ID,
    ...SPACE,
    column('algorithm', 'utf8', 'hdbscan | kmeans | bisecting_kmeans', 'How points were clustered.'),
    optional('min_cluster_size', 'int32', 'points', 'Null for k-means.'),
    optional(
      'min_samples',
      'int32',
      'points',
      'The point itself counts, as in scikit-learn; null for k-means.',
    ),
    optional('selection', 'utf8', 'eom | leaf', 'Null for k-means.'),
    column('is_first', 'bool', '', 'First value of every swept option: what the claims are about.'),
    column('points', 'int32', 'points', 'Points that were clustered.'),
    column('n_clusters', 'int32', 'clusters', 'Clusters, noise not counted.'),
    column('noise_fraction', 'float64', 'fraction', 'Share of points in no cluster.'),
    optional(
      'coverage',
      'float64',
      'fraction',
      'Share of labelled points in some cluster; null without labels.',
    ),
    optional(
      'nmi',
      'float64',
      '',
      'Normalised mutual information with the labels, on points in clusters (k-means: on the same points as the first density clustering).',
    ),
    optional('ami', 'float64', '', 'The same, adjusted for chance.'),
    optional('ari', 'float64', '', 'Adjusted Rand index on the same points.'),
    optional('nmi_all', 'float64', '', 'nmi on all labelled points, noise being one more cluster.'),
    optional('ami_all', 'float64', '', 'ami on all labelled points.'),
    optional('ari_all', 'float64', '', 'ari on all labelled points.'),
    optional(
      'ci_low',
      'float64',
      '',
      'Lower end of the 95 % jackknife interval of ami_all; first clustering only.',
    ),
    optional('ci_high', 'float64', '', 'Upper end of it.'),
    optional('ami_all_chance', 'float64', '', 'Mean ami_all of shuffled labels; first clustering only.'),
    optional(
      'p_shuffled',
      'float64',
      'probability',
      'Share of shuffled labels with ami_all as high, one-sided.',
    ),
    column(
      'ami_all_left_out',
      'list<float64>',
      '',
      'ami_all without each twentieth of the points (text: of the sequences); empty but for the first clustering.',
    ),
    RUN_ID_COLUMN,
  ],
};

export const CLUSTERS_TABLE: TableDef = {
  name: 'clusters',
  path: 'clusters.parquet',
  order: 'model, span, feature, cluster_id, baseline as listed',
  description:
    'One row per cluster of a first clustering and per set of as many points that it is compared with; scores are about labelled members.',
  columns: [
    MODEL_COLUMN,
    CLUSTERING_ID,
    ...SPACE,
    column('min_cluster_size', 'int32', 'points', ''),
    column('min_samples', 'int32', 'points', 'The point itself counts.'),
    column('selection', 'utf8', 'eom | leaf', ''),
    column('cluster_id', 'int32', '', 'Clusters are numbered by their first point.'),
    column('size', 'int32', 'points', 'Members.'),
    column('stability', 'float64', 'points per distance', 'Excess of mass.'),
    column('medoid_point_id', 'int32', 'points table', 'The most central member.'),
    optional('purity', 'float64', 'fraction', 'Share of the commonest label.'),
    optional('entropy_bits', 'float64', 'bits', 'Entropy of the labels.'),
    optional(
      'normalised_entropy',
      'float64',
      '0 to 1',
      'Entropy over the largest that so many points may have.',
    ),
    optional('eff_classes', 'float64', 'classes', '2 to the entropy.'),
    optional('top_label', 'int32', 'class id', 'The commonest label, the lowest of equals.'),
    optional(
      'input_similarity',
      'float64',
      'cosine',
      'Mean cosine of members in the model input less that of all points: how much alike they look to no network; null for text.',
    ),
    optional('p_shuffled', 'float64', 'probability', 'Chance that as many random points are as pure.'),
    optional('best_neuron', 'int32', 'channel', 'Unit whose axis points most towards the cluster.'),
    optional('best_neuron_cosine', 'float64', '', 'Cosine of axis and direction.'),
    column(
      'baseline_kind',
      'utf8',
      'neuron | pca | nmf | ica | code_pca | code_nmf | random_direction | centroid_direction | ball | random_set | neuron_cluster | kmeans | bisecting_kmeans | neuron_50_60 | neuron_80_90 | neuron_99_100',
      'Top points of the best-aligned neuron or component, of a direction; nearest points of a random one; points nearest to the centre of the k-means cluster that holds most members, of all points or of the neuron’s top 500 split in two; random points of ranges of the neuron. code_pca and code_nmf: components of the bits, in the experiment code_directions, beside pca and nmf. NMF and ICA for the trained model only.',
    ),
    column(
      'baseline_size',
      'int32',
      'points',
      'As the cluster, or fewer where the range or cluster has fewer.',
    ),
    optional('baseline_purity', 'float64', 'fraction', ''),
    optional('baseline_entropy_bits', 'float64', 'bits', ''),
    RUN_ID_COLUMN,
  ],
};

export const CLUSTER_MEMBERS_TABLE: TableDef = {
  name: 'cluster_members',
  path: 'cluster_members.parquet',
  order: 'model, span, feature, point_id',
  description: 'One row per point of every first density clustering.',
  columns: [
    MODEL_COLUMN,
    CLUSTERING_ID,
    column('point_id', 'int32', 'sample, or sample x context tokens + token', 'Points table for images.'),
    column('cluster_id', 'int32', '', '-1 for noise.'),
    column('probability', 'float32', '0 to 1', 'How deep in its cluster the point lies.'),
    optional('dist_to_medoid', 'float32', 'of the metric', 'Null for noise.'),
    optional('label', 'int32', 'class id', 'Null without a label.'),
    optional('context', 'utf8', '', 'Text only: the token between « and », with its neighbours.'),
    RUN_ID_COLUMN,
  ],
};
