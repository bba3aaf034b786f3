// Every kernel, once, on the same target: a new kernel is one new row.

import { cycle, mixture } from '../../activities/metflow/composition.ts';
import { openFlowProposal } from '../../activities/metflow/flow-proposal.ts';
import { buildHmc } from '../../activities/metflow/hmc.ts';
import { uniformScales, type Kernel } from '../../activities/metflow/kernel.ts';
import { buildMala } from '../../activities/metflow/mala.ts';
import { buildNuts } from '../../activities/metflow/nuts.ts';
import { buildRandomWalk } from '../../activities/metflow/random-walk.ts';
import type { OpenTarget } from '../../activities/metflow/targets/open-target.ts';
import { flowPath, stirredParameters, threeGaussians } from './path-fixture.ts';
import { runner } from './traced.ts';

type Build = (target: OpenTarget, chains: number) => Kernel | Promise<Kernel>;

export const KERNELS: Record<string, Build> = {
  'random walk': (target, chains) => buildRandomWalk(target, { scales: scales(1.2, chains) }),
  'random walk, barker': (target, chains) =>
    buildRandomWalk(target, { scales: scales(1.2, chains), rule: 'barker' }),
  mala: (target, chains) => buildMala(target, { scales: scales(0.4, chains) }),
  hmc: (target, chains) => buildHmc(target, { scales: scales(0.7, chains), steps: 3 }),
  'hmc with partial refreshment': (target, chains) =>
    buildHmc(target, { scales: scales(0.9, chains), steps: 2, kept: 0.9 }),
  nuts: (target, chains) => buildNuts(target, { scales: scales(0.6, chains), maxDepth: 4 }),
  'metflow, reversible': (_, chains) => flows(chains, 'none', 'reversible'),
  'metflow, lifted': (_, chains) => flows(chains, 'none', 'lifted'),
  'metflow, free innovation': (_, chains) => flows(chains, 'free', 'reversible'),
  'metflow, fixed innovation': (_, chains) => flows(chains, 'fixed', 'reversible'),
  'metflow, learned directions': (_, chains) => flows(chains, 'none', 'reversible', 'learned'),
  cycle: async (target, chains) =>
    cycle([await flows(chains, 'none', 'reversible'), buildMala(target, { scales: scales(0.4, chains) })]),
  mixture: async (target, chains) =>
    mixture(
      [await flows(chains, 'none', 'lifted'), buildRandomWalk(target, { scales: scales(1.2, chains) })],
      [2, 1],
    ),
};

function scales(stepSize: number, chains: number) {
  return uniformScales(stepSize, { chains, dim: 2 });
}

async function flows(
  chains: number,
  conditioning: 'none' | 'free' | 'fixed',
  directions: 'reversible' | 'lifted',
  forward: 'half' | 'learned' = 'half',
): Promise<Kernel> {
  const model = flowPath(2, { conditioning, forward });
  // Stirred logits of directions are far enough from 0 for a ratio without them to show.
  const theta = stirredParameters(model, forward === 'half' ? 0.3 : 0.6);
  return openFlowProposal(model, threeGaussians(), { runner, theta, modelSeed: 1, chains, directions });
}
