// Which clusters of a condensed tree are the answer, and who belongs to them.

import type { CondensedTree } from './cluster-hierarchy.ts';

/** Excess of mass takes the most stable clusters that do not overlap; leaf takes the densest ones. */
export type ClusterSelection = 'eom' | 'leaf';

/** A flat clustering. Clusters are numbered by their lowest point. */
export interface DensityClusters {
  /** Cluster of each point, -1 for noise. */
  readonly labels: Int32Array;
  /** How deep in its cluster a point lies, in [0, 1]; 0 for noise. */
  readonly probabilities: Float32Array;
  /** Points of each cluster. */
  readonly sizes: Uint32Array;
  /** Stability of each cluster. */
  readonly stabilities: Float64Array;
}

const NOISE = -1;

/**
 * Selects clusters. The whole is never one of them, so points without structure are noise.
 * @param epsilon - clusters that part at distances below it are not told apart; 0 for no such limit.
 * @see Campello, Moulavi and Sander, 2013, section 5; for epsilon Malzer and Baum, "A hybrid approach to hierarchical
 * density-based cluster selection", 2020.
 */
export function selectClusters(
  tree: CondensedTree,
  { selection, epsilon }: { readonly selection: ClusterSelection; readonly epsilon: number },
): DensityClusters {
  const chosen = selection === 'eom' ? mostStable(tree) : leavesOf(tree);
  const owner = owners(tree, epsilon > 0 ? raised(tree, chosen, epsilon) : chosen);
  const { lastCluster, leaves, death, stability } = tree;
  const labels = new Int32Array(lastCluster.length).fill(NOISE);
  const probabilities = new Float32Array(lastCluster.length);
  const number = new Map<number, number>();
  const sizes: number[] = [];
  for (const [point, last] of lastCluster.entries()) {
    const cluster = owner[last]!;
    if (cluster === NOISE) continue;
    const label = number.get(cluster) ?? sizes.push(0) - 1;
    number.set(cluster, label);
    sizes[label]!++;
    labels[point] = label;
    probabilities[point] = Math.min(leaves[point]!, death[cluster]!) / death[cluster]!;
  }
  return {
    labels,
    probabilities,
    sizes: Uint32Array.from(sizes),
    stabilities: Float64Array.from(number.keys(), (cluster) => stability[cluster]!),
  };
}

/** From the leaves up, a cluster wins over what is best below it unless that is more stable in sum. */
function mostStable({ parent, stability }: CondensedTree): Uint8Array {
  const chosen = new Uint8Array(parent.length);
  const below = Array.from(parent, (): number[] => []);
  for (let cluster = parent.length - 1; cluster > 0; cluster--) {
    // Sorted, so that rounding does not depend on the order of points.
    const sum = below[cluster]!.sort((a, b) => a - b).reduce((total, value) => total + value, 0);
    const wins = sum <= stability[cluster]!;
    chosen[cluster] = Number(wins);
    below[parent[cluster]!]!.push(wins ? stability[cluster]! : sum);
  }
  return withoutOverlap(parent, chosen);
}

function leavesOf({ parent }: CondensedTree): Uint8Array {
  const chosen = new Uint8Array(parent.length).fill(1);
  for (const above of parent) chosen[above] = 0;
  return chosen;
}

/** Moves choices that appear below `epsilon` up to the first ancestor that appears above it, short of the whole. */
function raised({ parent, birth }: CondensedTree, chosen: Uint8Array, epsilon: number): Uint8Array {
  const moved = new Uint8Array(parent.length);
  for (let cluster = 1; cluster < parent.length; cluster++) {
    if (chosen[cluster] === 0) continue;
    let at = cluster;
    if (1 / birth[at]! < epsilon) {
      while (parent[at] !== 0 && 1 / birth[at]! <= epsilon) at = parent[at]!;
    }
    moved[at] = 1;
  }
  return withoutOverlap(parent, moved);
}

/** Of a chosen cluster and its chosen ancestor the ancestor stays. */
function withoutOverlap(parent: Uint32Array, chosen: Uint8Array): Uint8Array {
  const covered = new Uint8Array(parent.length);
  for (let cluster = 1; cluster < parent.length; cluster++) {
    const above = parent[cluster]!;
    covered[cluster] = covered[above]! | chosen[above]!;
    if (covered[cluster] === 1) chosen[cluster] = 0;
  }
  return chosen;
}

/** Per cluster the chosen one that holds it, or noise. */
function owners({ parent }: CondensedTree, chosen: Uint8Array): Int32Array {
  const owner = new Int32Array(parent.length).fill(NOISE);
  for (let cluster = 1; cluster < parent.length; cluster++) {
    owner[cluster] = chosen[cluster] === 1 ? cluster : owner[parent[cluster]!]!;
  }
  return owner;
}
