// Trajectories of the no-U-turn sampler as arrays: vectors of all chains lie in one each, because with arrays of their own
// thousands of chains of few dimensions would mostly wait for memory. Momentum is in units where its law is N(0, I). The
// arrays outlive a step: the next trajectories grow in them.

/** Trajectories of a batch of chains; vectors are `[chains, dim]`. */
export interface Trees {
  readonly dim: number;
  /** Ends of the trajectories, 0 backward and 1 forward in time; the one that grows is the moving leaf. */
  readonly ends: readonly [Phase, Phase];
  /** Drawn from the whole trajectory and from the subtree; each tree says which is which. */
  readonly drawn: readonly [Point, Point];
  readonly momentumSum: Float64Array;
  readonly subtreeSum: Float64Array;
  /** Starts of subtrees of the subtree, and its momenta's sum up to them. */
  readonly checkpoints: { readonly momentum: Float64Array; readonly sum: Float64Array }[];
  /** Step size times root of the variance. */
  readonly scale: Float64Array;
  readonly each: readonly Tree[];
}

/** One chain's trajectory. */
export interface Tree {
  /** Where the chain's vectors begin. */
  readonly offset: number;
  /** Which of {@link Trees.drawn} stands for the whole trajectory; the other is the subtree's candidate. */
  chosen: 0 | 1;
  /** The end that grows. */
  end: 0 | 1;
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
  /** `[chains]`. */
  readonly logDensity: Float64Array;
}

const AT_START = {
  chosen: 0,
  end: 0,
  startEnergy: 0,
  logWeight: 0,
  subtreeLogWeight: Number.NEGATIVE_INFINITY,
  depth: 0,
  subtreeLeaves: 0,
  leaves: 0,
  acceptanceSum: 0,
  worstError: 0,
  diverged: false,
} as const;

/** The arrays of trees, to be planted. */
export function emptyTrees(chains: number, dim: number): Trees {
  const vectors = () => new Float64Array(chains * dim);
  const phase = () => ({ z: vectors(), momentum: vectors(), gradient: vectors() });
  const point = () => ({ z: vectors(), gradient: vectors(), logDensity: new Float64Array(chains) });
  return {
    dim,
    ends: [phase(), phase()],
    drawn: [point(), point()],
    momentumSum: vectors(),
    subtreeSum: vectors(),
    checkpoints: [],
    scale: vectors(),
    each: Array.from({ length: chains }, (_, chain): Tree => ({ offset: chain * dim, ...AT_START })),
  };
}

/** Starts trajectories of one point each. @param start - copied; momentum drawn afresh. */
export function plantTrees(trees: Trees, start: Phase & { readonly logDensity: Float64Array }): void {
  const { dim, each, ends, drawn, momentumSum } = trees;
  for (const end of ends) {
    end.z.set(start.z);
    end.momentum.set(start.momentum);
    end.gradient.set(start.gradient);
  }
  drawn[0].z.set(start.z);
  drawn[0].gradient.set(start.gradient);
  drawn[0].logDensity.set(start.logDensity);
  momentumSum.set(start.momentum);
  for (const [chain, tree] of each.entries()) {
    let squared = 0;
    for (let at = tree.offset; at < tree.offset + dim; at++)
      squared += start.momentum[at]! * start.momentum[at]!;
    Object.assign(tree, AT_START, { startEnergy: squared / 2 - start.logDensity[chain]! });
  }
}
