// The growing trajectory of the no-U-turn sampler, iteratively: a subtree's leaves come one at a time, and the ends of
// its own subtrees are kept at as many checkpoints as it is deep.

import type { Evaluation } from './kernel.ts';
import type { Tree, Trees } from './nuts-arrays.ts';

/** Where a chain's trajectory stands after a leaf. */
export type TreeEvent = 'grows' | 'subtree-complete' | 'turned' | 'diverged';

/** An energy error beyond this ends a trajectory: exp(-1000) is no weight. */
const MAX_ENERGY_ERROR = 1000;

/** Begins a subtree that goes on from an end of the trajectory. */
export function beginSubtree({ subtreeSum, dim }: Trees, tree: Tree, end: Tree['end']): void {
  subtreeSum.fill(0, tree.offset, tree.offset + dim);
  tree.end = end;
  tree.subtreeLogWeight = Number.NEGATIVE_INFINITY;
  tree.subtreeLeaves = 0;
}

/**
 * First half of a leapfrog step: momentum by half, then position, which goes to a row of `points`.
 * @param row - where the point lies among those that the target is asked for.
 */
export function driftLeaf({ ends, dim, scale }: Trees, tree: Tree, row: number, points: Float64Array): void {
  const { z, momentum, gradient } = ends[tree.end];
  const half = tree.end === 1 ? 0.5 : -0.5;
  const to = row * dim - tree.offset;
  for (let at = tree.offset; at < tree.offset + dim; at++) {
    const halfStep = half * scale[at]!;
    const moved = momentum[at]! + halfStep * gradient[at]!;
    const there = z[at]! + 2 * halfStep * moved;
    momentum[at] = moved;
    z[at] = there;
    points[to + at] = there;
  }
}

/**
 * Second half of the step, and the leaf joins the subtree: weight, multinomial choice, U-turn checks.
 * @param leaf - its row among `found`, and a uniform in (0, 1) for the choice between it and those before.
 */
export function addLeaf(
  trees: Trees,
  tree: Tree,
  { row, uniform }: { readonly row: number; readonly uniform: number },
  found: Evaluation,
): TreeEvent {
  const logDensity = found.logDensity[row]!;
  const error = tree.startEnergy - (kickLeaf(trees, tree, row, found.gradient) / 2 - logDensity);
  const logWeight = Number.isNaN(error) ? Number.NEGATIVE_INFINITY : error;
  tree.leaves++;
  tree.acceptanceSum += Math.exp(Math.min(0, logWeight));
  tree.worstError = Math.min(tree.worstError, logWeight);
  if (logWeight < -MAX_ENERGY_ERROR) {
    tree.diverged = true;
    return 'diverged';
  }
  const total = logAddExp(tree.subtreeLogWeight, logWeight);
  tree.subtreeLogWeight = total;
  const place = tree.subtreeLeaves++;
  if (place === 0 || Math.log(uniform) < logWeight - total) becomeCandidate(trees, tree, logDensity);
  if (tree.depth > 0) {
    if (place % 2 === 0) keepCheckpoint(trees, tree, place);
    else if (turnsWithin(trees, tree, place)) return 'turned';
  }
  return place + 1 === 2 ** tree.depth ? 'subtree-complete' : 'grows';
}

/** Momentum by half with the new gradient. @returns its squared norm. */
function kickLeaf(
  { ends, subtreeSum, dim, scale }: Trees,
  { end, offset }: Tree,
  row: number,
  gradients: Float64Array,
): number {
  const { momentum, gradient } = ends[end];
  const half = end === 1 ? 0.5 : -0.5;
  const from = row * dim - offset;
  let squared = 0;
  for (let at = offset; at < offset + dim; at++) {
    const slope = gradients[from + at]!;
    const moved = momentum[at]! + half * scale[at]! * slope;
    gradient[at] = slope;
    momentum[at] = moved;
    subtreeSum[at] = subtreeSum[at]! + moved;
    squared += moved * moved;
  }
  return squared;
}

function becomeCandidate({ ends, drawn, dim }: Trees, tree: Tree, logDensity: number): void {
  const { z, gradient } = ends[tree.end];
  const candidate = drawn[tree.chosen === 0 ? 1 : 0];
  for (let at = tree.offset; at < tree.offset + dim; at++) {
    candidate.z[at] = z[at]!;
    candidate.gradient[at] = gradient[at]!;
  }
  candidate.logDensity[tree.offset / dim] = logDensity;
}

/**
 * Joins a complete subtree to the trajectory; its candidate is taken with probability min(1, its weight over the
 * trajectory's), which favours points far from the start.
 * @returns whether the whole trajectory has turned.
 */
export function joinSubtree(trees: Trees, tree: Tree, uniform: number): boolean {
  const { dim, ends, momentumSum, subtreeSum } = trees;
  const { offset, subtreeLogWeight } = tree;
  if (Math.log(uniform) < subtreeLogWeight - tree.logWeight) tree.chosen = tree.chosen === 0 ? 1 : 0;
  tree.logWeight = logAddExp(tree.logWeight, subtreeLogWeight);
  tree.depth++;
  const backwards = ends[0].momentum;
  const forwards = ends[1].momentum;
  let alongBackward = 0;
  let alongForward = 0;
  for (let at = offset; at < offset + dim; at++) {
    const total = momentumSum[at]! + subtreeSum[at]!;
    momentumSum[at] = total;
    const backward = backwards[at]!;
    const forward = forwards[at]!;
    const between = total - (backward + forward) / 2;
    alongBackward += backward * between;
    alongForward += forward * between;
  }
  return !(alongBackward > 0 && alongForward > 0);
}

/** An even leaf starts subtrees; it takes the checkpoint numbered by the set bits of its place without the last. */
function keepCheckpoint(trees: Trees, { end, offset }: Tree, place: number): void {
  const { dim, checkpoints, subtreeSum, ends } = trees;
  const number = setBits(place >>> 1);
  const size = subtreeSum.length;
  checkpoints[number] ??= { momentum: new Float64Array(size), sum: new Float64Array(size) };
  const { momentum: keptMomentum, sum } = checkpoints[number];
  const { momentum } = ends[end];
  for (let at = offset; at < offset + dim; at++) {
    keptMomentum[at] = momentum[at]!;
    sum[at] = subtreeSum[at]!;
  }
}

/**
 * Whether any balanced subtree that ends at this odd leaf has turned: one for each trailing set bit of its place.
 * @see Phan, Pradhan and Jankowiak, "Composable effects for flexible and accelerated probabilistic programming in
 * NumPyro", 2019, appendix A; criterion of Betancourt, "A conceptual introduction to HMC", 2017, appendix A.4.
 */
function turnsWithin(
  { dim, checkpoints, subtreeSum, ends }: Trees,
  { end, offset }: Tree,
  place: number,
): boolean {
  const { momentum } = ends[end];
  const last = setBits(place >>> 1);
  const first = last - trailingOnes(place) + 1;
  for (let number = last; number >= first; number--) {
    const { momentum: starts, sum } = checkpoints[number]!;
    let alongStart = 0;
    let alongEnd = 0;
    for (let at = offset; at < offset + dim; at++) {
      const start = starts[at]!;
      const ending = momentum[at]!;
      const between = subtreeSum[at]! - sum[at]! + start - (start + ending) / 2;
      alongStart += start * between;
      alongEnd += ending * between;
    }
    if (!(alongStart > 0 && alongEnd > 0)) return true;
  }
  return false;
}

function logAddExp(a: number, b: number): number {
  const larger = Math.max(a, b);
  return larger === Number.NEGATIVE_INFINITY ? larger : larger + Math.log1p(Math.exp(-Math.abs(a - b)));
}

function setBits(value: number): number {
  let count = 0;
  for (; value !== 0; value &= value - 1) count++;
  return count;
}

function trailingOnes(value: number): number {
  return 31 - Math.clz32(~value & (value + 1));
}
