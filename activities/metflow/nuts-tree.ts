// The growing trajectory of the no-U-turn sampler, iteratively: a subtree's leaves come one at a time, and the ends
// of its own subtrees are kept at as many checkpoints as it is deep. Momentum is in units where its law is N(0, I).
// A tree's arrays are its own and outlive it: the next trajectory of the chain grows in them.

import type { Evaluation } from './kernel.ts';

/** Where a chain's trajectory stands after a leaf. */
export type TreeEvent = 'grows' | 'subtree-complete' | 'turned' | 'diverged';

/** An energy error beyond this ends a trajectory: exp(-1000) is no weight. */
const MAX_ENERGY_ERROR = 1000;

/** One chain's trajectory; vectors are `[dim]`. */
export interface Tree {
  readonly dim: number;
  /** Ends of the trajectory, 0 backward and 1 forward in time; the one that grows is the moving leaf. */
  readonly ends: readonly [Phase, Phase];
  /** Drawn from the whole trajectory and from the subtree. */
  chosen: Point;
  candidate: Point;
  readonly momentumSum: Float64Array;
  readonly subtreeSum: Float64Array;
  /** Starts of subtrees of the subtree, and its momenta's sum up to them. */
  readonly checkpoints: { readonly momentum: Float64Array; readonly sum: Float64Array }[];
  startEnergy: number;
  logWeight: number;
  subtreeLogWeight: number;
  depth: number;
  /** Leaves that the subtree has. */
  subtreeLeaves: number;
  leaves: number;
  acceptanceSum: number;
  worstError: number;
  diverged: boolean;
}

interface Phase {
  readonly z: Float64Array;
  readonly momentum: Float64Array;
  readonly gradient: Float64Array;
}

interface Point {
  readonly z: Float64Array;
  readonly gradient: Float64Array;
  logDensity: number;
}

const AT_START = {
  startEnergy: 0,
  logWeight: 0,
  subtreeLogWeight: Number.NEGATIVE_INFINITY,
  depth: 0,
  subtreeLeaves: 0,
  leaves: 0,
  acceptanceSum: 0,
  worstError: 0,
  diverged: false,
};

/** The arrays of a tree, to be planted. */
export function emptyTree(dim: number): Tree {
  const vector = () => new Float64Array(dim);
  const phase = () => ({ z: vector(), momentum: vector(), gradient: vector() });
  const point = () => ({ z: vector(), gradient: vector(), logDensity: 0 });
  return {
    dim,
    ends: [phase(), phase()],
    chosen: point(),
    candidate: point(),
    momentumSum: vector(),
    subtreeSum: vector(),
    checkpoints: [],
    ...AT_START,
  };
}

/** Starts a trajectory of one point. @param start - `[dim]` each, copied; momentum drawn afresh. */
export function plantTree(tree: Tree, start: Phase & { readonly logDensity: number }): void {
  for (const end of tree.ends) {
    end.z.set(start.z);
    end.momentum.set(start.momentum);
    end.gradient.set(start.gradient);
  }
  tree.chosen.z.set(start.z);
  tree.chosen.gradient.set(start.gradient);
  tree.chosen.logDensity = start.logDensity;
  tree.momentumSum.set(start.momentum);
  let squared = 0;
  for (const value of start.momentum) squared += value * value;
  Object.assign(tree, AT_START, { startEnergy: squared / 2 - start.logDensity });
}

/** Begins a subtree that goes on from an end of the trajectory. */
export function beginSubtree(tree: Tree): void {
  tree.subtreeSum.fill(0);
  tree.subtreeLogWeight = Number.NEGATIVE_INFINITY;
  tree.subtreeLeaves = 0;
}

/** A leaf's leapfrog step. */
export interface LeafStep {
  /** The end that grows. */
  readonly end: 0 | 1;
  /** `[dim]` step size times root of the variance. */
  readonly scale: Float64Array;
  /** Where the point lies among those that the target is asked for. */
  readonly row: number;
  /** In (0, 1), for the choice between this leaf and those before it. */
  readonly uniform: number;
}

/** First half of a leapfrog step: momentum by half, then position, which goes to a row of `points`. */
export function driftLeaf({ ends, dim }: Tree, { end, scale, row }: LeafStep, points: Float64Array): void {
  const { z, momentum, gradient } = ends[end];
  const half = end === 1 ? 0.5 : -0.5;
  const to = row * dim;
  for (let i = 0; i < dim; i++) {
    const halfStep = half * scale[i]!;
    const moved = momentum[i]! + halfStep * gradient[i]!;
    const there = z[i]! + 2 * halfStep * moved;
    momentum[i] = moved;
    z[i] = there;
    points[to + i] = there;
  }
}

/** Second half of the step, and the leaf joins the subtree: weight, multinomial choice, U-turn checks. */
export function addLeaf(tree: Tree, step: LeafStep, found: Evaluation): TreeEvent {
  const leaf = tree.ends[step.end];
  const logDensity = found.logDensity[step.row]!;
  const error = tree.startEnergy - (kickLeaf(tree, step, found.gradient) / 2 - logDensity);
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
  if (place === 0 || Math.log(step.uniform) < logWeight - total) {
    tree.candidate.logDensity = logDensity;
    tree.candidate.z.set(leaf.z);
    tree.candidate.gradient.set(leaf.gradient);
  }
  if (tree.depth > 0) {
    if (place % 2 === 0) keepCheckpoint(tree, leaf, place);
    else if (turnsWithin(tree, leaf, place)) return 'turned';
  }
  return place + 1 === 2 ** tree.depth ? 'subtree-complete' : 'grows';
}

/** Momentum by half with the new gradient. @returns its squared norm. */
function kickLeaf(
  { ends, subtreeSum, dim }: Tree,
  { end, scale, row }: LeafStep,
  gradients: Float64Array,
): number {
  const { momentum, gradient } = ends[end];
  const half = end === 1 ? 0.5 : -0.5;
  const from = row * dim;
  let squared = 0;
  for (let i = 0; i < dim; i++) {
    const slope = gradients[from + i]!;
    const moved = momentum[i]! + half * scale[i]! * slope;
    gradient[i] = slope;
    momentum[i] = moved;
    subtreeSum[i] = subtreeSum[i]! + moved;
    squared += moved * moved;
  }
  return squared;
}

/**
 * Joins a complete subtree to the trajectory; its candidate is taken with probability min(1, its weight over the
 * trajectory's), which favours points far from the start.
 * @returns whether the whole trajectory has turned.
 */
export function joinSubtree(tree: Tree, uniform: number): boolean {
  const { dim, ends, momentumSum, subtreeSum, subtreeLogWeight } = tree;
  if (Math.log(uniform) < subtreeLogWeight - tree.logWeight) {
    [tree.chosen, tree.candidate] = [tree.candidate, tree.chosen];
  }
  tree.logWeight = logAddExp(tree.logWeight, subtreeLogWeight);
  tree.depth++;
  const backwards = ends[0].momentum;
  const forwards = ends[1].momentum;
  let alongBackward = 0;
  let alongForward = 0;
  for (let i = 0; i < dim; i++) {
    const total = momentumSum[i]! + subtreeSum[i]!;
    momentumSum[i] = total;
    const backward = backwards[i]!;
    const forward = forwards[i]!;
    const between = total - (backward + forward) / 2;
    alongBackward += backward * between;
    alongForward += forward * between;
  }
  return !(alongBackward > 0 && alongForward > 0);
}

/** An even leaf starts subtrees; it takes the checkpoint numbered by the set bits of its place without the last. */
function keepCheckpoint({ dim, checkpoints, subtreeSum }: Tree, { momentum }: Phase, place: number): void {
  const number = setBits(place >>> 1);
  checkpoints[number] ??= { momentum: new Float64Array(dim), sum: new Float64Array(dim) };
  checkpoints[number].momentum.set(momentum);
  checkpoints[number].sum.set(subtreeSum);
}

/**
 * Whether any balanced subtree that ends at this odd leaf has turned: one for each trailing set bit of its place.
 * @see Phan, Pradhan and Jankowiak, "Composable effects for flexible and accelerated probabilistic programming in
 * NumPyro", 2019, appendix A; criterion of Betancourt, "A conceptual introduction to HMC", 2017, appendix A.4.
 */
function turnsWithin({ dim, checkpoints, subtreeSum }: Tree, { momentum }: Phase, place: number): boolean {
  const last = setBits(place >>> 1);
  const first = last - trailingOnes(place) + 1;
  for (let number = last; number >= first; number--) {
    const { momentum: starts, sum } = checkpoints[number]!;
    let alongStart = 0;
    let alongEnd = 0;
    for (let i = 0; i < dim; i++) {
      const start = starts[i]!;
      const end = momentum[i]!;
      const between = subtreeSum[i]! - sum[i]! + start - (start + end) / 2;
      alongStart += start * between;
      alongEnd += end * between;
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
