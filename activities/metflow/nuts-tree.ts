// The growing trajectory of the no-U-turn sampler, iteratively: a subtree's leaves come one at a time, and the ends
// of its own subtrees are kept at as many checkpoints as it is deep. Momentum is in units where its law is N(0, I).

import type { ChainState } from './kernel.ts';

/** Where a chain's trajectory stands after a leaf. */
export type TreeEvent = 'grows' | 'subtree-complete' | 'turned' | 'diverged';

/** An energy error beyond this ends a trajectory: exp(-1000) is no weight. */
const MAX_ENERGY_ERROR = 1000;

/** Trajectories of a batch; vectors are `[chains, dim]`, scalars `[chains]`. */
export interface Trees {
  readonly dim: number;
  readonly maxDepth: number;
  /** Ends of the trajectory, 0 backward and 1 forward in time: position, momentum, gradient. */
  readonly ends: readonly [PhaseArrays, PhaseArrays];
  /** The leaf that moves. */
  readonly leaf: PhaseArrays;
  /** Drawn from the whole trajectory and from the subtree. */
  readonly chosen: PointArrays;
  readonly candidate: PointArrays;
  readonly momentumSum: Float64Array;
  readonly subtreeSum: Float64Array;
  /** `[chains, maxDepth, dim]`. */
  readonly checkpointMomentum: Float64Array;
  readonly checkpointSum: Float64Array;
  readonly startEnergy: Float64Array;
  readonly logWeight: Float64Array;
  readonly subtreeLogWeight: Float64Array;
  readonly depth: Uint8Array;
  /** Leaves that the subtree has. */
  readonly subtreeLeaves: Uint32Array;
  readonly leaves: Uint32Array;
  readonly acceptanceSum: Float64Array;
  readonly worstError: Float64Array;
  readonly diverged: Uint8Array;
}

interface PhaseArrays {
  readonly z: Float64Array;
  readonly momentum: Float64Array;
  readonly gradient: Float64Array;
}

interface PointArrays {
  readonly z: Float64Array;
  readonly gradient: Float64Array;
  readonly logDensity: Float64Array;
}

/** Trajectories of one point each. @param momentum - `[chains, dim]`, drawn afresh. */
export function plantTrees(
  state: ChainState & { readonly gradient: Float64Array },
  momentum: Float64Array,
  maxDepth: number,
): Trees {
  const chains = state.logDensity.length;
  const size = momentum.length;
  const dim = size / chains;
  const phase = () => ({ z: state.z.slice(), momentum: momentum.slice(), gradient: state.gradient.slice() });
  const point = () => ({
    z: state.z.slice(),
    gradient: state.gradient.slice(),
    logDensity: state.logDensity.slice(),
  });
  const startEnergy = new Float64Array(chains);
  for (let chain = 0; chain < chains; chain++) {
    startEnergy[chain] = energy(state.logDensity[chain]!, momentum, chain * dim, dim);
  }
  return {
    dim,
    maxDepth,
    ends: [phase(), phase()],
    leaf: phase(),
    chosen: point(),
    candidate: point(),
    momentumSum: momentum.slice(),
    subtreeSum: new Float64Array(size),
    checkpointMomentum: new Float64Array(size * maxDepth),
    checkpointSum: new Float64Array(size * maxDepth),
    startEnergy,
    logWeight: new Float64Array(chains),
    subtreeLogWeight: new Float64Array(chains),
    depth: new Uint8Array(chains),
    subtreeLeaves: new Uint32Array(chains),
    leaves: new Uint32Array(chains),
    acceptanceSum: new Float64Array(chains),
    worstError: new Float64Array(chains),
    diverged: new Uint8Array(chains),
  };
}

/** Puts the moving leaf at an end of the trajectory, for a subtree that goes on from there. */
export function beginSubtree(trees: Trees, chain: number, end: 0 | 1): void {
  copyPhase(trees.ends[end], trees.leaf, chain * trees.dim, trees.dim);
  trees.subtreeSum.fill(0, chain * trees.dim, (chain + 1) * trees.dim);
  trees.subtreeLogWeight[chain] = Number.NEGATIVE_INFINITY;
  trees.subtreeLeaves[chain] = 0;
}

/**
 * Takes the moving leaf into the subtree: weight, multinomial choice, U-turn checks.
 * @param logDensity - at the leaf, whose gradient and momentum are up to date.
 * @param uniform - in (0, 1), for the choice between this leaf and those before it.
 */
export function addLeaf(trees: Trees, chain: number, logDensity: number, uniform: number): TreeEvent {
  const { dim, leaf, subtreeSum } = trees;
  const from = chain * dim;
  const error = trees.startEnergy[chain]! - energy(logDensity, leaf.momentum, from, dim);
  const logWeight = Number.isNaN(error) ? Number.NEGATIVE_INFINITY : error;
  trees.leaves[chain]!++;
  trees.acceptanceSum[chain]! += Math.exp(Math.min(0, logWeight));
  trees.worstError[chain] = Math.min(trees.worstError[chain]!, logWeight);
  if (logWeight < -MAX_ENERGY_ERROR) {
    trees.diverged[chain] = 1;
    return 'diverged';
  }
  const total = logAddExp(trees.subtreeLogWeight[chain]!, logWeight);
  trees.subtreeLogWeight[chain] = total;
  const place = trees.subtreeLeaves[chain]!++;
  if (place === 0 || Math.log(uniform) < logWeight - total) {
    trees.candidate.logDensity[chain] = logDensity;
    copyPoint(leaf, trees.candidate, from, dim);
  }
  for (let at = from; at < from + dim; at++) subtreeSum[at]! += leaf.momentum[at]!;
  if (place % 2 === 0) keepCheckpoint(trees, chain, place);
  else if (turnsWithin(trees, chain, place)) return 'turned';
  return place + 1 === 2 ** trees.depth[chain]! ? 'subtree-complete' : 'grows';
}

/**
 * Joins a complete subtree to the trajectory; its candidate is taken with probability min(1, its weight over the
 * trajectory's), which favours points far from the start.
 * @param end - where the subtree grew.
 * @returns whether the whole trajectory has turned.
 */
export function joinSubtree(trees: Trees, chain: number, end: 0 | 1, uniform: number): boolean {
  const { dim, ends, leaf, momentumSum, subtreeSum } = trees;
  const from = chain * dim;
  const subtreeLogWeight = trees.subtreeLogWeight[chain]!;
  if (Math.log(uniform) < subtreeLogWeight - trees.logWeight[chain]!) {
    trees.chosen.logDensity[chain] = trees.candidate.logDensity[chain]!;
    copyPoint(trees.candidate, trees.chosen, from, dim);
  }
  trees.logWeight[chain] = logAddExp(trees.logWeight[chain]!, subtreeLogWeight);
  for (let at = from; at < from + dim; at++) momentumSum[at]! += subtreeSum[at]!;
  copyPhase(leaf, ends[end], from, dim);
  trees.depth[chain]!++;
  let [alongBackward, alongForward] = [0, 0];
  for (let at = from; at < from + dim; at++) {
    const backward = ends[0].momentum[at]!;
    const forward = ends[1].momentum[at]!;
    const between = momentumSum[at]! - (backward + forward) / 2;
    alongBackward += backward * between;
    alongForward += forward * between;
  }
  return !(alongBackward > 0 && alongForward > 0);
}

/** An even leaf starts subtrees; it takes the checkpoint numbered by the set bits of its place without the last. */
function keepCheckpoint(trees: Trees, chain: number, place: number): void {
  const { dim, maxDepth, leaf, subtreeSum } = trees;
  const to = (chain * maxDepth + setBits(place >>> 1)) * dim;
  const from = chain * dim;
  for (let i = 0; i < dim; i++) {
    trees.checkpointMomentum[to + i] = leaf.momentum[from + i]!;
    trees.checkpointSum[to + i] = subtreeSum[from + i]!;
  }
}

/**
 * Whether any balanced subtree that ends at this odd leaf has turned: one for each trailing set bit of its place.
 * @see Phan, Pradhan and Jankowiak, "Composable effects for flexible and accelerated probabilistic programming in
 * NumPyro", 2019, appendix A; criterion of Betancourt, "A conceptual introduction to HMC", 2017, appendix A.4.
 */
function turnsWithin(trees: Trees, chain: number, place: number): boolean {
  const { dim, maxDepth, leaf, subtreeSum, checkpointMomentum, checkpointSum } = trees;
  const last = setBits(place >>> 1);
  const first = last - trailingOnes(place) + 1;
  const from = chain * dim;
  for (let checkpoint = last; checkpoint >= first; checkpoint--) {
    const kept = (chain * maxDepth + checkpoint) * dim;
    let [alongStart, alongEnd] = [0, 0];
    for (let i = 0; i < dim; i++) {
      const start = checkpointMomentum[kept + i]!;
      const end = leaf.momentum[from + i]!;
      const between = subtreeSum[from + i]! - checkpointSum[kept + i]! + start - (start + end) / 2;
      alongStart += start * between;
      alongEnd += end * between;
    }
    if (!(alongStart > 0 && alongEnd > 0)) return true;
  }
  return false;
}

function energy(logDensity: number, momentum: Float64Array, from: number, dim: number): number {
  let squared = 0;
  for (let at = from; at < from + dim; at++) squared += momentum[at]! * momentum[at]!;
  return squared / 2 - logDensity;
}

function copyPhase(source: PhaseArrays, target: PhaseArrays, from: number, dim: number): void {
  for (let at = from; at < from + dim; at++) {
    target.z[at] = source.z[at]!;
    target.momentum[at] = source.momentum[at]!;
    target.gradient[at] = source.gradient[at]!;
  }
}

function copyPoint(
  source: Omit<PointArrays, 'logDensity'>,
  target: Omit<PointArrays, 'logDensity'>,
  from: number,
  dim: number,
): void {
  for (let at = from; at < from + dim; at++) {
    target.z[at] = source.z[at]!;
    target.gradient[at] = source.gradient[at]!;
  }
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
