// NUTS against BlackJAX at the same step sizes (test/golden/nuts/make_nuts.py): trajectory lengths, acceptance, jumps
// and moments. Errors are over independent chains; 18 comparisons at |z| < 5, a false alarm in 1e5 runs.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { initState, uniformScales } from '../../activities/metflow/kernel.ts';
import { buildNuts } from '../../activities/metflow/nuts.ts';
import { banana } from '../../activities/metflow/targets/banana.ts';
import { correlatedGaussian } from '../../activities/metflow/targets/gaussian.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { fillNormals } from '../../activities/numeric/philox-address.ts';
import { runner } from './traced.ts';

interface Golden {
  readonly dim: number;
  readonly stepSize: number;
  readonly maxDepth: number;
  readonly moments: Readonly<Record<string, { readonly mean: number; readonly error: number }>>;
}

const GOLDEN = new URL('../golden/nuts/nuts.json', import.meta.url);
const golden = JSON.parse(readFileSync(GOLDEN, 'utf8')) as Record<string, Golden>;
const TARGETS: Record<string, TracedTarget> = {
  gaussian: correlatedGaussian({ dim: 10, correlation: 0.6 }),
  banana: banana(),
  shallow: banana(),
};
const CHAINS = 256;
const [WARM, DRAWS] = [60, 120];

describe.each(Object.keys(TARGETS))('NUTS on %s', (name) => {
  it('does what BlackJAX does', async () => {
    const { stepSize, maxDepth, moments } = golden[name]!;
    const found = await chainMeans(TARGETS[name]!, { stepSize, maxDepth });
    for (const [moment, want] of Object.entries(moments)) {
      const { mean, error } = meanAndError(found[moment]!);
      expect(Math.abs(mean - want.mean) / Math.hypot(error, want.error), moment).toBeLessThan(5);
    }
  });
});

/** Per chain, means over its draws. */
async function chainMeans(
  target: TracedTarget,
  { stepSize, maxDepth }: { stepSize: number; maxDepth: number },
): Promise<Record<string, Float64Array>> {
  const { dim } = target;
  const chains = Uint32Array.from({ length: CHAINS }, (_, chain) => chain);
  const open = await openTarget(target, { runner, rows: CHAINS });
  const kernel = buildNuts(open, { scales: uniformScales(stepSize, { chains: CHAINS, dim }), maxDepth });
  const z = fillNormals(new Float64Array(CHAINS * dim), chains, { seed: 12, step: 0, purpose: 'init' });
  let state = await initState(open, z, { seed: 12, chains });
  const names = ['steps', 'acceptance', 'first', 'firstSquared', 'last', 'jump'];
  const sums = Object.fromEntries(names.map((name) => [name, new Float64Array(CHAINS)]));
  for (let step = 0; step < WARM + DRAWS; step++) {
    const done = await kernel.step({ seed: 12, step, chains }, state);
    const [info] = done.info;
    if (step >= WARM) {
      for (let chain = 0; chain < CHAINS; chain++) {
        const first = done.state.z[chain * dim]!;
        sums.steps![chain]! += info!.evaluations[chain]! / DRAWS;
        sums.acceptance![chain]! += info!.acceptance[chain]! / DRAWS;
        sums.first![chain]! += first / DRAWS;
        sums.firstSquared![chain]! += (first * first) / DRAWS;
        sums.last![chain]! += done.state.z[(chain + 1) * dim - 1]! / DRAWS;
        sums.jump![chain]! += info!.squaredJump[chain]! / DRAWS;
      }
    }
    state = done.state;
  }
  await open.close();
  return sums;
}

function meanAndError(values: Float64Array): { readonly mean: number; readonly error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}
