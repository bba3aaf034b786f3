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
import { addLeaf, beginSubtree, joinSubtree, plantTrees, type Trees } from './nuts-tree.ts';

export interface NutsOptions {
  readonly scales: KernelScales;
  /** Doublings of a trajectory at most, from 1 to 20. @default 10 */
  readonly maxDepth?: number;
}

/** A trajectory in progress, with the draws of its chain. */
interface Growth {
  readonly trees: Trees;
  /** `[chains, maxDepth]`: direction and acceptance of each doubling. */
  readonly directions: Float64Array;
  readonly joins: Float64Array;
  /** Per chain, one uniform for each leaf of the subtree in progress. */
  readonly leafUniforms: Float64Array[];
  /** `[chains, dim]` step size times root of the variance. */
  readonly scale: Float64Array;
  readonly address: StepAddress;
}

/**
 * Builds the sampler; the step size and the variances are adapted beforehand (`warm-up.ts`).
 * @throws PipelineError `config-invalid` where `maxDepth` is out of range.
 * @see Hoffman and Gelman, "The No-U-Turn Sampler", 2014; Betancourt, "A conceptual introduction to Hamiltonian
 * Monte Carlo", 2017, appendix A (multinomial choice, generalised criterion).
 */
export function buildNuts(target: Target, { scales, maxDepth = 10 }: NutsOptions): Kernel {
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
      const momentum = fillNormals(new Float64Array(state.z.length), address.chains, {
        ...address,
        purpose: 'momentum',
      });
      const start = { ...state, gradient: await gradientOf(target, state, options) };
      const growth = beginGrowth(plantTrees(start, momentum, maxDepth), scales, address);
      let growing = Array.from(address.chains.keys()).filter((chain) => continueGrowth(growth, chain));
      while (growing.length > 0) growing = await growLeaves(target, growth, growing, options);
      return { state: { ...start, ...growth.trees.chosen }, info: [infoOf(growth.trees, start)] };
    },
  };
}

function beginGrowth(trees: Trees, { stepSize, variance }: KernelScales, address: StepAddress): Growth {
  const { chains } = address;
  const { dim, maxDepth } = trees;
  const size = chains.length * maxDepth;
  return {
    trees,
    directions: fillUniforms(new Float64Array(size), chains, { ...address, purpose: 'v' }),
    joins: fillUniforms(new Float64Array(size), chains, { ...address, purpose: 'accept' }),
    leafUniforms: Array.from(chains, () => new Float64Array(1)),
    scale: variance.map((value, at) => stepSize[Math.floor(at / dim)]! * Math.sqrt(value)),
    address,
  };
}

/** Starts the next doubling of a chain; false where it is as deep as it may be. */
function continueGrowth({ trees, directions, leafUniforms, address }: Growth, chain: number): boolean {
  const depth = trees.depth[chain]!;
  if (depth === trees.maxDepth) return false;
  beginSubtree(trees, chain, endOf(directions, trees, chain));
  // Leaf i of the subtree of depth d uses number 2^d + i; the only leaf of depth 0 has no choice to make.
  if (depth > 0) {
    const uniforms = new Float64Array(2 ** depth);
    const self = address.chains.subarray(chain, chain + 1);
    leafUniforms[chain] = fillUniforms(uniforms, self, { ...address, purpose: 'tree' }, 2 ** (depth - 1));
  }
  return true;
}

/** One leapfrog step of every growing chain; returns those that grow on. */
async function growLeaves(
  target: Target,
  growth: Growth,
  growing: readonly number[],
  options?: StepOptions,
): Promise<number[]> {
  const { trees, joins, leafUniforms } = growth;
  const points = new Float64Array(growing.length * trees.dim);
  for (const [row, chain] of growing.entries()) drift(growth, chain, points, row);
  const { logDensity, gradient } = await evaluate(target, points, options);
  return growing.filter((chain, row) => {
    kick(growth, chain, gradient, row);
    const uniform = leafUniforms[chain]![trees.subtreeLeaves[chain]!] ?? 0.5;
    const event = addLeaf(trees, chain, logDensity[row]!, uniform);
    if (event === 'grows') return true;
    if (event !== 'subtree-complete') return false;
    const join = joins[chain * trees.maxDepth + trees.depth[chain]!]!;
    const end = endOf(growth.directions, trees, chain);
    return !joinSubtree(trees, chain, end, join) && continueGrowth(growth, chain);
  });
}

/** First half of a leapfrog step: momentum by half, then position, which goes to a row of `points`. */
function drift(growth: Growth, chain: number, points: Float64Array, row: number): void {
  const { trees, scale } = growth;
  const { z, momentum, gradient } = trees.leaf;
  const time = endOf(growth.directions, trees, chain) === 1 ? 1 : -1;
  const from = chain * trees.dim;
  for (let i = 0; i < trees.dim; i++) {
    const at = from + i;
    const step = time * scale[at]!;
    momentum[at]! += 0.5 * step * gradient[at]!;
    z[at]! += step * momentum[at]!;
    points[row * trees.dim + i] = z[at]!;
  }
}

function kick(growth: Growth, chain: number, gradients: Float64Array, row: number): void {
  const { trees, scale } = growth;
  const { momentum, gradient } = trees.leaf;
  const time = endOf(growth.directions, trees, chain) === 1 ? 1 : -1;
  const from = chain * trees.dim;
  for (let i = 0; i < trees.dim; i++) {
    const at = from + i;
    gradient[at] = gradients[row * trees.dim + i]!;
    momentum[at]! += 0.5 * time * scale[at]! * gradient[at]!;
  }
}

/** The end at which the subtree of the present depth grows. */
function endOf(directions: Float64Array, { depth, maxDepth }: Trees, chain: number): 0 | 1 {
  return directions[chain * maxDepth + depth[chain]!]! < 0.5 ? 1 : 0;
}

function infoOf(trees: Trees, { z }: ChainState): StepInfo {
  const squaredJump = new Float64Array(trees.leaves.length);
  for (let at = 0; at < z.length; at++) {
    squaredJump[Math.floor(at / trees.dim)]! += (trees.chosen.z[at]! - z[at]!) ** 2;
  }
  const accepted = Uint8Array.from(squaredJump, (jump) => (jump > 0 ? 1 : 0));
  return {
    kernel: 'nuts',
    accepted,
    acceptance: trees.acceptanceSum.map((sum, chain) => sum / trees.leaves[chain]!),
    logRatio: trees.worstError,
    squaredJump,
    direction: Int8Array.from(accepted),
    diverged: trees.diverged,
    evaluations: trees.leaves,
  };
}
