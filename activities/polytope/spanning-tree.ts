// Minimum spanning tree of mutual reachability, max(core, core, distance), without a matrix of distances. Components
// grow as in Boruvka's algorithm, but only those whose shortest way out is certain from what is known: neighbour lists
// first, and per point one exact nearest outsider, found by the kernel where the lists end inside the component.

import { PipelineError } from '#schemas/errors.ts';
import { componentForest } from './component-forest.ts';
import { coreKeys, listKeys } from './nearest-lists.ts';
import { type RunOptions, runWork } from './neighbour-kernel.ts';
import type { PointSpace } from './point-space.ts';

/** `rows - 1` edges by ascending distance; parallel arrays. */
export interface SpanningTree {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  /** Mutual reachability, in units of the points. */
  readonly distance: Float64Array;
}

/** What is known of the ways out of each point's component; parallel arrays. */
interface Outlook {
  readonly cores: Float32Array;
  /** No way out beyond the list is shorter. */
  readonly floors: Float32Array;
  /** The nearest outsider when the kernel last looked, and its reachability. */
  readonly outsider: Uint32Array;
  readonly reach: Float32Array;
  /** 1 where the list may still hold outsiders. */
  readonly listOpen: Uint8Array;
  /** Rows by ascending core. */
  readonly order: Uint32Array;
}

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly key: number;
}

/** Per component (by its label) the shortest way out found and the least floor of its points. */
interface Proposals {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly key: Float32Array;
  readonly floor: Float32Array;
}

/**
 * Builds the tree from filled neighbour lists.
 *
 * Several trees have the same weights where distances are equal; which one comes out is fixed by the points' order,
 * and the hierarchy of clusters is the same for all of them.
 * @param minSamples - a point's core distance reaches its `minSamples`-th neighbour, itself being the first; at most
 * the lists' length.
 * @throws PipelineError `internal` where the lists were not filled.
 */
export async function spanningTree(
  space: PointSpace,
  { minSamples }: { readonly minSamples: number },
  run: RunOptions,
): Promise<SpanningTree> {
  const outlook = firstOutlook(space, minSamples);
  const forest = componentForest(space.rows);
  const edges: Edge[] = [];
  while (forest.count() > 1) {
    const labels = forest.labels();
    const proposals = propose(space, outlook, labels);
    const certain = certainEdges(proposals);
    if (certain.length === 0)
      await lookOutside(space, outlook, { labels, proposals, largest: forest.largest() }, run);
    for (const edge of certain) if (forest.join(edge.from, edge.to)) edges.push(edge);
  }
  edges.sort(byKey);
  return {
    from: Uint32Array.from(edges, ({ from }) => from),
    to: Uint32Array.from(edges, ({ to }) => to),
    distance: Float64Array.from(edges, ({ key }) => space.distance(key)),
  };
}

function firstOutlook(space: PointSpace, minSamples: number): Outlook {
  const { rows, neighbours } = space;
  const cores = coreKeys(space, minSamples);
  const keys = listKeys(space);
  const complete = neighbours >= rows;
  return {
    cores,
    floors: Float32Array.from({ length: rows }, (_, row) =>
      complete ? Infinity : keys[((row + 1) * neighbours - 1) * 2 + 1]!,
    ),
    outsider: new Uint32Array(rows),
    reach: new Float32Array(rows).fill(Infinity),
    listOpen: new Uint8Array(rows).fill(1),
    order: space.all.slice(0, rows).sort((a, b) => cores[a]! - cores[b]! || a - b),
  };
}

/** Hot loop (bench: test/bench/clusters.bench.ts). */
function propose(space: PointSpace, outlook: Outlook, labels: Uint32Array): Proposals {
  const { rows, lists, neighbours } = space;
  const { cores, floors, outsider, reach, listOpen } = outlook;
  const keys = listKeys(space);
  const from = new Uint32Array(rows);
  const to = new Uint32Array(rows);
  const key = new Float32Array(rows).fill(Infinity);
  const floor = new Float32Array(rows).fill(Infinity);
  for (let row = 0; row < rows; row++) {
    const own = labels[row]!;
    floor[own] = Math.min(floor[own]!, floors[row]!);
    let best = key[own]!;
    let at = -1;
    if (reach[row]! < best && labels[outsider[row]!] !== own) {
      best = reach[row]!;
      at = outsider[row]!;
    }
    if (listOpen[row] === 1) {
      let entry = row * neighbours * 2;
      const end = entry + neighbours * 2;
      let inside = true;
      for (; entry < end && keys[entry + 1]! < best; entry += 2) {
        const other = lists[entry]!;
        if (labels[other] === own) continue;
        inside = false;
        const far = Math.max(keys[entry + 1]!, cores[row]!, cores[other]!);
        if (far >= best) continue;
        best = far;
        at = other;
      }
      if (inside && entry === end) listOpen[row] = 0;
    }
    if (at < 0) continue;
    key[own] = best;
    from[own] = row;
    to[own] = at;
  }
  return { from, to, key, floor };
}

/** Ways out that nothing unseen can beat, shortest first: added in this order they never leave the minimum. */
function certainEdges({ from, to, key, floor }: Proposals): Edge[] {
  const edges: Edge[] = [];
  for (let label = 0; label < key.length; label++) {
    if (key[label]! < Infinity && key[label]! <= floor[label]!) {
      edges.push({ from: from[label]!, to: to[label]!, key: key[label]! });
    }
  }
  return edges.sort(byKey);
}

/**
 * Finds the nearest outsider of every point that may have a shorter way out than its component knows; the largest
 * component waits for the others.
 */
async function lookOutside(
  space: PointSpace,
  outlook: Outlook,
  known: { readonly labels: Uint32Array; readonly proposals: Proposals; readonly largest: number },
  run: RunOptions,
): Promise<void> {
  const { labels, proposals, largest } = known;
  const { others, otherCores, otherComponents, listed, cores, components, floors, best, found } = space;
  let count = 0;
  for (let row = 0; row < space.rows; row++) {
    const own = labels[row]!;
    if (own === largest || outlook.floors[row]! >= proposals.key[own]!) continue;
    listed[count] = row;
    cores[count] = outlook.cores[row]!;
    components[count] = own;
    floors[count++] = outlook.floors[row]!;
  }
  // Without this, neighbour lists that were never filled would be asked for ever.
  if (count === 0) throw noWayOut(labels);
  best.fill(Infinity, 0, count);
  for (const [place, row] of outlook.order.entries()) {
    others[place] = row;
    otherCores[place] = outlook.cores[row]!;
    otherComponents[place] = labels[row]!;
  }
  const arrays = [others, otherCores, otherComponents, cores, components, floors, best, found];
  const [at, ...rest] = arrays.map(({ byteOffset }) => byteOffset);
  const work = space.work('outside', { rows: count, others: space.rows }, ({ head, from, to }) => [
    ...head,
    listed.byteOffset,
    from,
    to,
    at!,
    space.rows,
    ...rest,
  ]);
  await runWork(work, run);
  for (let place = 0; place < count; place++) {
    const row = listed[place]!;
    outlook.floors[row] = best[place]!;
    outlook.reach[row] = best[place]!;
    outlook.outsider[row] = found[place]!;
  }
}

function noWayOut(labels: Uint32Array): PipelineError {
  return new PipelineError({
    kind: 'internal',
    what: 'points without known neighbours cannot be joined into a tree',
    value: `${new Set(labels).size} components left`,
  });
}

function byKey(a: Edge, b: Edge): number {
  return (
    a.key - b.key ||
    Math.min(a.from, a.to) - Math.min(b.from, b.to) ||
    Math.max(a.from, a.to) - Math.max(b.from, b.to)
  );
}
