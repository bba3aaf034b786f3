// From a spanning tree to the condensed tree of clusters. Edges of equal length join all their components at once: the
// hierarchy follows from the distances alone, whatever the order of points or the choice among equal edges. (With
// Hamming distances ties are the rule, and joining them two by two makes clusters that live for no distance at all.)

import type { SpanningTree } from './spanning-tree.ts';

/** Components as the distance grows: node `rows + e` joins `left[e]` and `right[e]`, which are points below `rows`. */
export interface Dendrogram {
  readonly rows: number;
  readonly left: Uint32Array;
  readonly right: Uint32Array;
  readonly distance: Float64Array;
  /** Points of node `rows + e`. */
  readonly size: Uint32Array;
}

/**
 * Clusters of at least `minClusterSize` points, from the whole (cluster 0) to ever denser parts; parents come before
 * their children. Density is lambda, one over distance.
 */
export interface CondensedTree {
  /** Parent of each cluster; the whole is its own. */
  readonly parent: Uint32Array;
  /** Density at which a cluster appears; 0 for the whole. */
  readonly birth: Float64Array;
  /** Density at which the last of its own points leaves it, or it splits. */
  readonly death: Float64Array;
  /** Points at birth. */
  readonly size: Uint32Array;
  /** Sum over points of how much density they stay for. */
  readonly stability: Float64Array;
  /** The smallest cluster that each point belongs to. */
  readonly lastCluster: Uint32Array;
  /** Density at which each point leaves it. */
  readonly leaves: Float64Array;
}

/** Single linkage of a tree's edges. */
export function singleLinkage({ from, to, distance }: SpanningTree): Dendrogram {
  const rows = from.length + 1;
  const parent = Uint32Array.from({ length: 2 * rows - 1 }, (_, node) => node);
  const size = new Uint32Array(rows - 1);
  const left = new Uint32Array(rows - 1);
  const right = new Uint32Array(rows - 1);
  function rootOf(node: number): number {
    let at = node;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  }
  for (let edge = 0; edge < rows - 1; edge++) {
    const [a, b] = [rootOf(from[edge]!), rootOf(to[edge]!)];
    left[edge] = a;
    right[edge] = b;
    parent[a] = rows + edge;
    parent[b] = rows + edge;
    size[edge] = (a < rows ? 1 : size[a - rows]!) + (b < rows ? 1 : size[b - rows]!);
  }
  return { rows, left, right, distance, size };
}

/**
 * Keeps of a dendrogram only what concerns clusters of at least `minClusterSize` points.
 *
 * Distance zero counts as half the smallest positive one: doubles are denser than anything else, yet a pair of them
 * makes no cluster infinitely stable.
 * @param minClusterSize - at least 2.
 * @see Campello, Moulavi and Sander, 2013, section 4; McInnes and Healy, "Accelerated hierarchical density based
 * clustering", 2017, section 2.
 */
export function condense(dendrogram: Dendrogram, minClusterSize: number): CondensedTree {
  const { rows, distance } = dendrogram;
  const parent = [0];
  const birth = [0];
  const death = [0];
  const size = [rows];
  const stability = [0];
  const lastCluster = new Uint32Array(rows);
  const leaves = new Float64Array(rows);
  const zero = (distance.find((value) => value > 0) ?? 2) / 2;
  const open = rows > 1 ? [{ node: 2 * rows - 2, cluster: 0 }] : [];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, cluster } = next;
    const lambda = 1 / (distance[node - rows]! || zero);
    const parts = partsOf(dendrogram, node);
    const large = parts.filter((part) => sizeOf(dendrogram, part) >= minClusterSize);
    let leaving = 0;
    for (const part of parts) {
      if (sizeOf(dendrogram, part) >= minClusterSize) continue;
      leaving += sizeOf(dendrogram, part);
      forEachPoint(dendrogram, part, (point) => {
        lastCluster[point] = cluster;
        leaves[point] = lambda;
      });
    }
    const splits = large.length > 1;
    for (const part of large) {
      if (splits) leaving += sizeOf(dendrogram, part);
      open.push({ node: part, cluster: splits ? parent.length : cluster });
      if (!splits) continue;
      parent.push(cluster);
      birth.push(lambda);
      death.push(lambda);
      size.push(sizeOf(dendrogram, part));
      stability.push(0);
    }
    // One term per distance, in order of distance: the sum does not depend on the order of points.
    stability[cluster]! += (lambda - birth[cluster]!) * leaving;
    if (leaving > 0) death[cluster] = lambda;
  }
  return {
    parent: Uint32Array.from(parent),
    birth: Float64Array.from(birth),
    death: Float64Array.from(death),
    size: Uint32Array.from(size),
    stability: Float64Array.from(stability),
    lastCluster,
    leaves,
  };
}

/** What a node falls into just below its distance: nodes of smaller distance, and points. */
function partsOf({ rows, left, right, distance }: Dendrogram, node: number): number[] {
  const parts: number[] = [];
  const open = [node];
  const level = distance[node - rows]!;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at < rows || distance[at - rows]! < level) parts.push(at);
    else open.push(right[at - rows]!, left[at - rows]!);
  }
  return parts;
}

function sizeOf({ rows, size }: Dendrogram, node: number): number {
  return node < rows ? 1 : size[node - rows]!;
}

function forEachPoint({ rows, left, right }: Dendrogram, node: number, visit: (point: number) => void): void {
  const open = [node];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at < rows) visit(at);
    else open.push(right[at - rows]!, left[at - rows]!);
  }
}
