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
import {
  addLeaf,
  beginSubtree,
  driftLeaf,
  emptyTree,
  joinSubtree,
  plantTree,
  type LeafStep,
  type Tree,
} from './nuts-tree.ts';

export interface NutsOptions {
  readonly scales: KernelScales;
  /** Doublings of a trajectory at most, from 1 to 20. @default 10 */
  readonly maxDepth?: number;
  /** Where trajectories grow, for kernels of one target that follow each other. @default its own */
  readonly pool?: Tree[];
}

/** The trajectories of a step, with the draws of their chains. */
interface Growth {
  readonly maxDepth: number;
  readonly trees: readonly Tree[];
  /** Per chain, the leaf that moves; its row is its chain's place among those that grow. */
  readonly steps: readonly MovingLeaf[];
  /** `[chains, maxDepth]`: direction and acceptance of each doubling. */
  readonly directions: Float64Array;
  readonly joins: Float64Array;
  /** Per chain, one uniform for each leaf of the subtree in progress. */
  readonly leafUniforms: Float64Array[];
  readonly address: StepAddress;
}

type MovingLeaf = { -readonly [Key in keyof LeafStep]: LeafStep[Key] };

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
      const trees = pool.splice(0, chains.length);
      while (trees.length < chains.length) trees.push(emptyTree(target.dim));
      const growth = beginGrowth(trees, start, { scales, maxDepth, address });
      await grow(target, growth, options);
      const next = chosenOf(trees, start);
      const info = infoOf(trees, { from: start.z, to: next.z });
      for (const tree of trees) pool.push(tree);
      return { state: { ...start, ...next }, info: [info] };
    },
  };
}

function beginGrowth(
  trees: readonly Tree[],
  start: ChainState & { readonly gradient: Float64Array },
  { scales, maxDepth, address }: Required<Omit<NutsOptions, 'pool'>> & { readonly address: StepAddress },
): Growth {
  const { chains } = address;
  const size = chains.length * maxDepth;
  const momentum = fillNormals(new Float64Array(start.z.length), chains, { ...address, purpose: 'momentum' });
  const scale = new Float64Array(start.z.length);
  const steps = trees.map((tree, chain): MovingLeaf => {
    const { dim } = tree;
    const own = (values: Float64Array) => values.subarray(chain * dim, (chain + 1) * dim);
    const logDensity = start.logDensity[chain]!;
    plantTree(tree, { z: own(start.z), momentum: own(momentum), gradient: own(start.gradient), logDensity });
    const stepSize = scales.stepSize[chain]!;
    for (let at = chain * dim; at < (chain + 1) * dim; at++) {
      scale[at] = stepSize * Math.sqrt(scales.variance[at]!);
    }
    return { end: 0, scale: own(scale), row: 0, uniform: 0 };
  });
  return {
    ...{ maxDepth, trees, steps, address },
    directions: fillUniforms(new Float64Array(size), chains, { ...address, purpose: 'v' }),
    joins: fillUniforms(new Float64Array(size), chains, { ...address, purpose: 'accept' }),
    leafUniforms: Array<Float64Array>(chains.length).fill(NO_CHOICE),
  };
}

/** Grows all trajectories to their ends, one leapfrog step of every growing chain at a time. */
async function grow(target: Target, growth: Growth, options?: StepOptions): Promise<void> {
  const { trees, steps, leafUniforms } = growth;
  const points = new Float64Array(trees.length * target.dim);
  let growing = Array.from(trees.keys());
  for (const chain of growing) continueGrowth(growth, chain);
  while (growing.length > 0) {
    for (let row = 0; row < growing.length; row++) {
      const chain = growing[row]!;
      steps[chain]!.row = row;
      driftLeaf(trees[chain]!, steps[chain]!, points);
    }
    const found = await evaluate(target, points.subarray(0, growing.length * target.dim), options);
    growing = growing.filter((chain) => {
      const tree = trees[chain]!;
      steps[chain]!.uniform = leafUniforms[chain]![tree.subtreeLeaves]!;
      const event = addLeaf(tree, steps[chain]!, found);
      if (event !== 'subtree-complete') return event === 'grows';
      const join = growth.joins[chain * growth.maxDepth + tree.depth]!;
      return !joinSubtree(tree, join) && continueGrowth(growth, chain);
    });
  }
}

/** Starts the next doubling of a chain; false where it is as deep as it may be. */
function continueGrowth(growth: Growth, chain: number): boolean {
  const { trees, steps, directions, leafUniforms, address, maxDepth } = growth;
  const tree = trees[chain]!;
  const { depth } = tree;
  if (depth === maxDepth) return false;
  beginSubtree(tree);
  steps[chain]!.end = directions[chain * maxDepth + depth]! < 0.5 ? 1 : 0;
  // Leaf i of the subtree of depth d uses number 2^d + i.
  if (depth > 0) {
    const uniforms = new Float64Array(2 ** depth);
    const self = address.chains.subarray(chain, chain + 1);
    leafUniforms[chain] = fillUniforms(uniforms, self, { ...address, purpose: 'tree' }, 2 ** (depth - 1));
  }
  return true;
}

/** Where the chains go. */
function chosenOf(
  trees: readonly Tree[],
  { z: { length } }: ChainState,
): { readonly z: Float64Array; readonly gradient: Float64Array; readonly logDensity: Float64Array } {
  const z = new Float64Array(length);
  const gradient = new Float64Array(length);
  for (const [chain, { chosen, dim }] of trees.entries()) {
    z.set(chosen.z, chain * dim);
    gradient.set(chosen.gradient, chain * dim);
  }
  return { z, gradient, logDensity: Float64Array.from(trees, ({ chosen }) => chosen.logDensity) };
}

function infoOf(
  trees: readonly Tree[],
  { from, to }: { readonly from: Float64Array; readonly to: Float64Array },
): StepInfo {
  const squaredJump = new Float64Array(trees.length);
  for (const [chain, { dim }] of trees.entries()) {
    let squared = 0;
    for (let at = chain * dim; at < (chain + 1) * dim; at++) squared += (to[at]! - from[at]!) ** 2;
    squaredJump[chain] = squared;
  }
  const accepted = Uint8Array.from(squaredJump, (jump) => (jump > 0 ? 1 : 0));
  return {
    kernel: 'nuts',
    accepted,
    acceptance: Float64Array.from(trees, ({ acceptanceSum, leaves }) => acceptanceSum / leaves),
    logRatio: Float64Array.from(trees, ({ worstError }) => worstError),
    squaredJump,
    direction: Int8Array.from(accepted),
    diverged: Uint8Array.from(trees, ({ diverged }) => Number(diverged)),
    evaluations: Uint32Array.from(trees, ({ leaves }) => leaves),
  };
}
