// A pilot finds modes that it was not told of, and flows begin as swaps of them.

import { describe, expect, it } from 'vitest';
import { trainedPath } from '../../../activities/metflow/chains/configured-kernels.ts';
import { farthestPlaces, pilotedTheta, runPilot } from '../../../activities/metflow/chains/pilot.ts';
import { buildFlow, swapStart } from '../../../activities/metflow/flow-options.ts';
import { inUnits } from '../../../activities/metflow/flows/in-units.ts';
import type { Target } from '../../../activities/metflow/kernel.ts';
import {
  initialParameters,
  parameterCount,
  unpackParameters,
} from '../../../activities/metflow/parameters.ts';
import { boundKernels, initialMomentsOf } from '../../../activities/metflow/path/path-model.ts';
import { metflowConfig } from '../../../schemas/metflow-config.ts';
import { filled } from '../../../activities/numeric/array-math.ts';
import { evaluated } from '../traced.ts';

const signal = new AbortController().signal;
const DIM = 6;
/** Vertices of {-4, 4}^6, of which the first two differ in one coordinate. */
const SIGNS = ['++++++', '-+++++', '--++--', '+-+-+-', '------', '++--+-', '-+-+-+', '+--+++'];
const CENTRES = SIGNS.map((signs) => Array.from(signs, (sign) => (sign === '+' ? 4 : -4)));

/** Unit Gaussians there, by hand. */
const VERTICES: Target = {
  dim: DIM,
  logDensityAndGradient(z) {
    const rows = z.length / DIM;
    const logDensity = new Float64Array(rows);
    const gradient = new Float64Array(z.length);
    for (let row = 0; row < rows; row++) {
      const own = Array.from(z.subarray(row * DIM, (row + 1) * DIM));
      const logs = CENTRES.map((centre) => -squaredDistance(own, centre) / 2);
      const most = Math.max(...logs);
      const shares = logs.map((value) => Math.exp(value - most));
      const total = shares.reduce((sum, share) => sum + share, 0);
      logDensity[row] = most + Math.log(total);
      for (let i = 0; i < DIM; i++)
        for (const [mode, share] of shares.entries())
          gradient[row * DIM + i]! += (share / total) * (CENTRES[mode]![i]! - own[i]!);
    }
    return { logDensity, gradient };
  },
};

const SHORT = { chains: 48, warmup: 40, draws: 30 };

const pilot = (seed: number, change: Partial<typeof SHORT> = {}) =>
  runPilot(VERTICES, { ...SHORT, ...change }, { seed, scale: 4, signal });

function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
}

/** The vertex at which a chain ended. */
function modeOf(means: Float64Array, chain: number): number {
  const own = means.subarray(chain * DIM, (chain + 1) * DIM);
  return CENTRES.findIndex((centre) => squaredDistance(own, centre) < 3);
}

describe('a pilot', () => {
  it('ends in every mode, and eight of its chains that lie far apart are in different ones', async () => {
    const places = await pilot(1);
    const all = Array.from({ length: SHORT.chains }, (_, chain) => modeOf(places.means, chain));
    expect(all).not.toContain(-1);
    const chosen = farthestPlaces(places, 8);
    expect(chosen.map((chain) => all[chain]!).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(places.logDensity[chosen[0]!]).toBe(Math.max(...places.logDensity));
    // The first eight of them are not.
    expect(new Set(all.slice(0, 8)).size).toBeLessThan(8);
    // The variance within a mode, not between them.
    for (const variance of places.variance) expect(Math.abs(variance - 1)).toBeLessThan(0.2);
  });

  it('is a function of the seed, and of each chain alone', async () => {
    const few = { chains: 8 };
    const [once, again, fewer, other] = await Promise.all([
      pilot(3, few),
      pilot(3, few),
      pilot(3, { chains: 5 }),
      pilot(4, few),
    ]);
    expect(again).toEqual(once);
    expect(fewer!.means).toEqual(once!.means.slice(0, 5 * DIM));
    expect(other!.means).not.toEqual(once!.means);
  });

  it('chooses no more places than there are chains', async () => {
    const places = await pilot(1, { chains: 3 });
    expect(farthestPlaces(places, 8).toSorted()).toEqual([0, 1, 2]);
  });

  it('says so where no chain moves, and ends with its signal', async () => {
    // No trajectory goes on behind a gradient that is not a number.
    const still: Target = {
      dim: 1,
      logDensityAndGradient: (z) => ({
        logDensity: new Float64Array(z.length),
        gradient: new Float64Array(z.length).fill(Number.NaN),
      }),
    };
    await expect(runPilot(still, SHORT, { seed: 1, scale: 1, signal })).rejects.toThrow(
      /coordinate 0: no chain of the pilot moves along a coordinate.*variance 0/s,
    );
    const stopped = AbortSignal.abort(new Error('enough'));
    await expect(runPilot(VERTICES, SHORT, { seed: 1, scale: 1, signal: stopped })).rejects.toThrow('enough');
  });
});

describe('flows that a pilot starts', () => {
  it('swap two places, and keep what lies halfway', async () => {
    const flow = inUnits(
      buildFlow({
        ...{ flow: 'affine', dim: 3, layers: 1, hidden: 1 },
        rotation: 'random',
        reflections: 1,
        aggregation: null,
      }),
      2,
    );
    const [a, b] = [Float64Array.of(2, 6, -4), Float64Array.of(-6, 6, 2)];
    const start = swapStart(
      a.map((value) => value / 2),
      b.map((value) => value / 2),
    );
    const theta = initialParameters(flow.parameters, { seed: 1, type: 'float64' });
    let at = 0;
    for (const spec of flow.parameters) {
      const values = start.get(spec.name);
      if (values !== undefined) theta.set(values, at);
      at += parameterCount([spec]);
    }
    // a and b, a point halfway, and one 1 beyond a: |b - a| is 10.
    const rows = Float64Array.of(...a, ...b, ...[-2, 5, -1], ...[2.8, 6, -4.6]);
    const { z, back, logDet } = await evaluated(
      (args) => {
        const parameters = unpackParameters(args.theta!, flow.parameters);
        const there = flow.forward(parameters, args.z!, null);
        return { z: there.z, logDet: there.logDet, back: flow.inverse(parameters, args.z!, null).z };
      },
      { theta: { dims: [theta.length], data: Float64Array.from(theta) }, z: { dims: [4, 3], data: rows } },
    );
    const swapped = [...b, ...a, ...[-2, 5, -1], ...[-6.8, 6, 2.6]];
    for (const [i, value] of swapped.entries()) {
      expect(z![i]).toBeCloseTo(value, 12);
      expect(back![i]).toBeCloseTo(value, 12);
    }
    expect(Array.from(logDet!)).toEqual([0, 0, 0, 0]);
  });

  const config = metflowConfig.parse({
    kind: 'metflow',
    target: { name: 'cube', dim: DIM },
    kernels: [
      { type: 'rwm', use: 'both' },
      { type: 'metflow', count: 7, flow: 'affine', rotation: 'random', reflections: 1 },
    ],
    train: { pilot: {}, anneal: 0, initialScale: 4, reverse: 'product' },
  });

  it('lead by halves from the first place to all, and the initial law begins there', async () => {
    const path = trainedPath(config, DIM)!;
    const drawn = initialParameters(path.parameters, { seed: 1, type: 'float64' });
    const places = await pilot(1);
    const theta = pilotedTheta(path, drawn, places);
    const chosen = farthestPlaces(places, 8).map((chain) =>
      places.means.subarray(chain * DIM, (chain + 1) * DIM),
    );
    const moments = initialMomentsOf(path, theta);
    for (let i = 0; i < DIM; i++) {
      expect(moments.mean[i]).toBeCloseTo(chosen[0]![i]!, 12);
      expect(moments.scale[i]).toBeCloseTo(Math.sqrt(places.variance[i]!), 12);
    }
    const from = Float64Array.from([0, 0, 1, 0, 1, 2, 3].flatMap((place) => Array.from(chosen[place]!)));
    const found = await evaluated(
      (args) => {
        const kernels = boundKernels(path, unpackParameters(args.theta!, path.parameters));
        const zeros = filled(0, [7], args.z!);
        const at = { z: args.z!, logDensity: zeros, momentum: null };
        const moved = kernels.slice(0, 7).map(({ kernel, parameters }, k) => {
          const step = { u: null, direction: filled(1, [7], args.z!) };
          return [`flow${k}`, kernel.propose(parameters, at, step, () => zeros).moved.z];
        });
        return Object.fromEntries(moved);
      },
      { theta: { dims: [theta.length], data: Float64Array.from(theta) }, z: { dims: [7, DIM], data: from } },
    );
    for (let k = 0; k < 7; k++) {
      const moved = found[`flow${k}`]!.subarray(k * DIM, (k + 1) * DIM);
      expect(squaredDistance(moved, chosen[k + 1]!)).toBeLessThan(1e-20);
    }
    // The start values drawn at random are as they were, and so is what no flow owns.
    expect(drawn).toEqual(initialParameters(path.parameters, { seed: 1, type: 'float64' }));
    expect(theta.slice(-7)).toEqual(drawn.slice(-7));
  });

  it('are refused where they are no swaps, or the target fades in', () => {
    const { train, kernels, ...rest } = config;
    const errors = (change: object) =>
      metflowConfig
        .safeParse({ ...rest, kernels, train, ...change })
        .error?.issues.map(({ path }) => path.join('.'));
    expect(errors({})).toBeUndefined();
    expect(errors({ train: { ...train, anneal: 0.25 } })).toEqual(['train.anneal']);
    for (const change of [{ reflections: 2 }, { rotation: 'identity' }, { flow: 'realnvp' }])
      expect(errors({ kernels: [kernels[0], { ...kernels[1], ...change }] })).toEqual(['kernels.1']);
  });
});
