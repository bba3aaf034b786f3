// The no-U-turn sampler with multinomial choice of the draw, diagonal metric, many chains at once: every round asks
// the target for the next leaf of each chain whose trajectory still grows.

import { PipelineError } from '#schemas/errors.ts';
import { fillNormals, fillUniforms } from '../numeric/philox-address.ts';
import {
  evaluate,
  gradientOf,
  type ChainState,
  type Kernel,
  type KernelScales,
  type StepAddress,
  type StepInfo,
  type StepOptions,
  type Target,
} from './kernel.ts';
import { emptyTrees, plantTrees, type Trees } from './nuts-arrays.ts';
import { addLeaf, beginSubtree, driftLeaf, joinSubtree } from './nuts-tree.ts';

export interface NutsOptions {
  readonly scales: KernelScales;
  /** Doublings of a trajectory at most, from 1 to 20. @default 10 */
  readonly maxDepth?: number;
  /** Where trajectories grow, for kernels of one target that follow each other. @default its own */
  readonly pool?: Trees[];
}

/** The trajectories of a step, with the draws of their chains. */
interface Growth {
  readonly maxDepth: number;
  readonly trees: Trees;
  /** `[chains, maxDepth]`: direction and acceptance of each doubling. */
  readonly directions: Float64Array;
  readonly joins: Float64Array;
  /** Per chain, one uniform for each leaf of the subtree in progress. */
  readonly leafUniforms: Float64Array[];
  readonly address: StepAddress;
}

/** The only leaf of depth 0 has no choice to make. */
const NO_CHOICE = Float64Array.of(0.5);

/**
 * Builds the sampler; the step size and the variances are adapted beforehand (`warm-up.ts`).
 * @throws PipelineError `config-invalid` where `maxDepth` is out of range.
 * @see Hoffman and Gelman, "The No-U-Turn Sampler", 2014; Betancourt, "A conceptual introduction to Hamiltonian
 * Monte Carlo", 2017, appendix A (multinomial choice, generalised criterion).
 */
export function buildNuts(target: Target, { scales, maxDepth = 10, pool = [] }: NutsOptions): Kernel {
  if (!(Number.isInteger(maxDepth) && maxDepth >= 1 && maxDepth <= 20)) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'the depth of NUTS is an integer from 1 to 20',
      where: 'kernels.maxDepth',
      value: String(maxDepth),
    });
  }
  return {
    name: 'nuts',
    parts: 1,
    async step(address, state, options) {
      const start = { ...state, gradient: await gradientOf(target, state, options) };
      const { chains } = address;
      // Trees of a step that is over serve the next one.
      const kept = pool.pop();
      const trees = kept?.each.length === chains.length ? kept : emptyTrees(chains.length, target.dim);
      const growth = beginGrowth(trees, start, { scales, maxDepth, address });
      await grow(target, growth, options);
      const next = chosenOf(trees);
      const info = infoOf(trees, { from: start.z, to: next.z });
      pool.push(trees);
      return { state: { ...start, ...next }, info: [info] };
    },
  };
}

function beginGrowth(
  trees: Trees,
  start: ChainState & { readonly gradient: Float64Array },
  { scales, maxDepth, address }: Required<Omit<NutsOptions, 'pool'>> & { readonly address: StepAddress },
): Growth {
  const { chains } = address;
  const size = chains.length * maxDepth;
  const momentum = fillNormals(new Float64Array(start.z.length), chains, { ...address, purpose: 'momentum' });
  plantTrees(trees, { ...start, momentum });
  const { dim, scale } = trees;
  for (let chain = 0, at = 0; chain < chains.length; chain++) {
    const stepSize = scales.stepSize[chain]!;
    for (; at < (chain + 1) * dim; at++) scale[at] = stepSize * Math.sqrt(scales.variance[at]!);
  }
  return {
    ...{ maxDepth, trees, address },
    directions: fillUniforms(new Float64Array(size), chains, { ...address, purpose: 'v' }),
    joins: fillUniforms(new Float64Array(size), chains, { ...address, purpose: 'accept' }),
    leafUniforms: Array<Float64Array>(chains.length).fill(NO_CHOICE),
  };
}

/** Grows all trajectories to their ends, one leapfrog step of every growing chain at a time. */
async function grow(target: Target, growth: Growth, options?: StepOptions): Promise<void> {
  const { trees, leafUniforms } = growth;
  const { each, dim } = trees;
  const points = new Float64Array(each.length * dim);
  let growing = Array.from(each.keys());
  for (const chain of growing) continueGrowth(growth, chain);
  while (growing.length > 0) {
    for (let row = 0; row < growing.length; row++) driftLeaf(trees, each[growing[row]!]!, row, points);
    const found = await evaluate(target, points.subarray(0, growing.length * dim), options);
    growing = growing.filter((chain, row) => {
      const tree = each[chain]!;
      const uniform = leafUniforms[chain]![tree.subtreeLeaves]!;
      const event = addLeaf(trees, tree, { row, uniform }, found);
      if (event !== 'subtree-complete') return event === 'grows';
      const join = growth.joins[chain * growth.maxDepth + tree.depth]!;
      return !joinSubtree(trees, tree, join) && continueGrowth(growth, chain);
    });
  }
}

/** Starts the next doubling of a chain; false where it is as deep as it may be. */
function continueGrowth(growth: Growth, chain: number): boolean {
  const { trees, directions, leafUniforms, address, maxDepth } = growth;
  const tree = trees.each[chain]!;
  const { depth } = tree;
  if (depth === maxDepth) return false;
  beginSubtree(trees, tree, directions[chain * maxDepth + depth]! < 0.5 ? 1 : 0);
  // Leaf i of the subtree of depth d uses number 2^d + i.
  if (depth > 0) {
    const uniforms = new Float64Array(2 ** depth);
    const self = address.chains.subarray(chain, chain + 1);
    leafUniforms[chain] = fillUniforms(uniforms, self, { ...address, purpose: 'tree' }, 2 ** (depth - 1));
  }
  return true;
}

/** Where the chains go. */
function chosenOf({ dim, drawn, each }: Trees): {
  readonly z: Float64Array;
  readonly gradient: Float64Array;
  readonly logDensity: Float64Array;
} {
  const z = new Float64Array(each.length * dim);
  const gradient = new Float64Array(each.length * dim);
  const logDensity = new Float64Array(each.length);
  for (const [chain, { chosen, offset }] of each.entries()) {
    const from = drawn[chosen];
    for (let at = offset; at < offset + dim; at++) {
      z[at] = from.z[at]!;
      gradient[at] = from.gradient[at]!;
    }
    logDensity[chain] = from.logDensity[chain]!;
  }
  return { z, gradient, logDensity };
}

function infoOf(
  { each, dim }: Trees,
  { from, to }: { readonly from: Float64Array; readonly to: Float64Array },
): StepInfo {
  const squaredJump = new Float64Array(each.length);
  for (let chain = 0; chain < each.length; chain++) {
    let squared = 0;
    for (let at = chain * dim; at < (chain + 1) * dim; at++) squared += (to[at]! - from[at]!) ** 2;
    squaredJump[chain] = squared;
  }
  const accepted = Uint8Array.from(squaredJump, (jump) => (jump > 0 ? 1 : 0));
  return {
    kernel: 'nuts',
    accepted,
    acceptance: Float64Array.from(each, ({ acceptanceSum, leaves }) => acceptanceSum / leaves),
    logRatio: Float64Array.from(each, ({ worstError }) => worstError),
    squaredJump,
    direction: Int8Array.from(accepted),
    diverged: Uint8Array.from(each, ({ diverged }) => Number(diverged)),
    evaluations: Uint32Array.from(each, ({ leaves }) => leaves),
  };
}
