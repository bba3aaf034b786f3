// The invariant: a chain that is cut anywhere, put into a checkpoint and gone on with leaves the bytes of one that is not,
// and its bytes do not depend on which chains share its group.

import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { chainContent, chainRunOf } from '../../../activities/metflow/chains/chain-checkpoint.ts';
import { beginChains, type ChainRun, runSegment } from '../../../activities/metflow/chains/chain-run.ts';
import { localSweep } from '../../../activities/metflow/chains/configured-kernels.ts';
import type { DrawRows } from '../../../activities/metflow/chains/draw-recorder.ts';
import { nextPlace, type SegmentCuts } from '../../../activities/metflow/chains/place.ts';
import type { Sampler } from '../../../activities/metflow/chains/sampler.ts';
import {
  type CheckpointOrigin,
  decodeCheckpoint,
  encodeCheckpoint,
} from '../../../activities/metflow/checkpoint.ts';
import type { Target } from '../../../activities/metflow/kernel.ts';
import { metflowConfig } from '../../../schemas/metflow-config.ts';

const SD = [1, 3] as const;
const WARMUP = 40;
const DRAWS = 30;
const THIN = 2;
const signal = new AbortController().signal;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/** Independent normals of known deviations: log density and gradient by hand. */
const GAUSSIAN: Target = {
  dim: 2,
  logDensityAndGradient(z) {
    const gradient = z.map((value, at) => -value / SD[at % 2]! ** 2);
    const logDensity = new Float64Array(z.length / 2);
    for (const [at, value] of z.entries()) logDensity[at >> 1]! -= (value / SD[at % 2]!) ** 2 / 2;
    return { logDensity, gradient };
  },
};

function sampler(chains: readonly number[], kernels: object[], thin = THIN): Sampler {
  const config = metflowConfig.parse({ kind: 'metflow', target: { name: 'banana' }, kernels });
  return {
    target: GAUSSIAN,
    kernels: localSweep(config, GAUSSIAN),
    seed: 11,
    chains: Uint32Array.from(chains),
    warmup: WARMUP,
    thin,
    start: { mean: Float64Array.of(0, 0), scale: Float64Array.of(2, 2) },
  };
}

const SWEEP = [
  { type: 'rwm' },
  { type: 'hmc', steps: 2, kept: 0.7 },
  { type: 'mala', stepSize: 0.3 },
  { type: 'nuts', maxDepth: 3 },
];

async function walk(
  chains: Sampler,
  cuts: SegmentCuts,
  between: (run: ChainRun) => ChainRun = (run) => run,
): Promise<{ run: ChainRun; draws: DrawRows[] }> {
  let run = await beginChains(chains, signal);
  const draws: DrawRows[] = [];
  for (let to = nextPlace(run.place, cuts); to !== null; to = nextPlace(run.place, cuts)) {
    const done = await runSegment(chains, between(run), { to, signal });
    run = done.run;
    if (done.draws !== null) draws.push(done.draws);
  }
  return { run, draws };
}

/** Through the bytes of a checkpoint and back. */
function resumed(run: ChainRun): ChainRun {
  const origin = { kind: 'chains' } as CheckpointOrigin;
  const bytes = encodeCheckpoint({ origin, ...chainContent(run) }, sha256);
  return chainRunOf(decodeCheckpoint(bytes, { where: 'test', sha256 }));
}

/** Bits of a chain's draws over all segments. */
function bitsOf(draws: readonly DrawRows[], chain: number): string {
  const hash = createHash('sha256');
  for (const { numbers, from, to, dim, z, logDensity, kernel, accepted, direction, jump } of draws) {
    const place = numbers.indexOf(chain);
    for (let row = place * (to - from); row < (place + 1) * (to - from); row++) {
      hash.update(new Uint8Array(z.slice(row * dim, (row + 1) * dim).buffer));
      hash.update(new Uint8Array(Float64Array.of(logDensity[row]!, jump[row]!).buffer));
      hash.update(`${kernel[row]} ${accepted[row]} ${direction[row]};`);
    }
  }
  return hash.digest('hex');
}

describe('a group of chains', () => {
  const whole: SegmentCuts = { warmup: WARMUP, every: 1000, ends: [DRAWS] };
  let straight: { run: ChainRun; draws: DrawRows[] };

  beforeAll(async () => {
    straight = await walk(sampler([0, 1, 2], SWEEP), whole);
  });

  it.each([1, 7, 20])('gives the same bits when a checkpoint lies behind every %i steps', async (every) => {
    const cut = await walk(sampler([0, 1, 2], SWEEP), { ...whole, every }, resumed);
    for (const chain of [0, 1, 2]) expect(bitsOf(cut.draws, chain)).toBe(bitsOf(straight.draws, chain));
    expect(JSON.stringify(chainContent(cut.run).state)).toBe(
      JSON.stringify(chainContent(straight.run).state),
    );
    expect(chainContent(cut.run).arrays).toEqual(chainContent(straight.run).arrays);
  });

  it('gives the same bits in other groups', async () => {
    const alone = await walk(sampler([1], SWEEP), whole);
    expect(bitsOf(alone.draws, 1)).toBe(bitsOf(straight.draws, 1));
    expect(bitsOf(alone.draws, 1)).not.toBe(bitsOf(straight.draws, 2));
  });

  it('goes on as one that was longer from the start', async () => {
    const long = await walk(sampler([0, 1, 2], SWEEP), { ...whole, ends: [DRAWS + 25] });
    const extended = await walk(sampler([0, 1, 2], SWEEP), { ...whole, ends: [DRAWS, DRAWS + 25] }, resumed);
    expect(extended.draws.map(({ from, to }) => [from, to])).toEqual([
      [0, DRAWS],
      [DRAWS, DRAWS + 25],
    ]);
    const ends = (draws: readonly DrawRows[], chain: number) => {
      const last = draws.at(-1)!;
      const at = ((chain + 1) * (last.to - last.from) - 1) * last.dim;
      return Array.from(last.z.subarray(at, at + last.dim));
    };
    for (const chain of [0, 1, 2]) expect(ends(extended.draws, chain)).toEqual(ends(long.draws, chain));
  });

  it('records how far each draw lies from the one before, and whether it moved', () => {
    const [{ z, jump, accepted, dim }] = straight.draws as [DrawRows];
    for (let draw = 1; draw < DRAWS; draw++) {
      const far = Math.hypot(
        ...Array.from({ length: dim }, (_, i) => z[draw * dim + i]! - z[(draw - 1) * dim + i]!),
      );
      expect(jump[draw]).toBeCloseTo(far, 5);
      expect(accepted[draw] === 1).toBe(far > 0);
    }
  });

  it('adapts during the warm-up only', () => {
    const [adapted, , fixed] = straight.run.adaptations;
    expect(adapted).toMatchObject({ step: WARMUP, steps: WARMUP });
    expect(adapted!.scales.variance).not.toEqual(new Float64Array(6).fill(1));
    expect(fixed!.scales.stepSize).toEqual(new Float64Array(3).fill(0.3));
  });

  it('counts every recorded sweep of every kernel', () => {
    const counted = straight.run.health.map(({ kernel, sums }) => [kernel, sums.steps]);
    const steps = 3 * DRAWS * THIN;
    expect(counted).toEqual(['rwm', 'hmc', 'mala', 'nuts'].map((kernel) => [kernel, steps]));
  });

  // False alarm: |z| > 4.5 for four figures, 3e-5.
  it('has the target as its law', async () => {
    const chains = Array.from({ length: 50 }, (_, i) => i);
    const { draws } = await walk(sampler(chains, [{ type: 'nuts' }], 1), { ...whole, ends: [200] });
    const [{ z }] = draws as [DrawRows];
    for (const [i, sd] of SD.entries()) {
      // One number per chain, so that correlation within a chain does not matter.
      const means = chains.map((chain) => statistic(z, chain, i, (value) => value));
      const squares = chains.map((chain) => statistic(z, chain, i, (value) => value * value));
      expect(Math.abs(zScore(means, 0))).toBeLessThan(4.5);
      expect(Math.abs(zScore(squares, sd * sd))).toBeLessThan(4.5);
    }
  });
});

function statistic(z: Float64Array, chain: number, i: number, of: (value: number) => number): number {
  let sum = 0;
  for (let draw = 0; draw < 200; draw++) sum += of(z[(chain * 200 + draw) * 2 + i]!);
  return sum / 200;
}

function zScore(values: readonly number[], expected: number): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return (mean - expected) / Math.sqrt(variance / values.length);
}
