// Kernels that move within walls: exact draws stay exact, also where walls are data (Geweke's joint test), a chain's bytes are
// its own, a target without walls is refused. 2 kernels of 14 statistics at |z| < 5: a false alarm in 5e4 runs. Controls, whose
// walls are a little off, pass 8.

import { describe, expect, it } from 'vitest';
import { buildHitAndRun } from '../../activities/metflow/hit-and-run.ts';
import { initState, type Kernel, type Target } from '../../activities/metflow/kernel.ts';
import { buildReflective } from '../../activities/metflow/reflective.ts';
import type { Walls } from '../../activities/metflow/walls.ts';
import { randomStream } from '../../activities/numeric/rng.ts';

const CHAINS = 6_000;
const STEPS = 3;
const DIM = 3;
const NUMBERS = Uint32Array.from({ length: CHAINS }, (_, chain) => chain);
/** A wedge that leaves the origin out, in two coordinates, and beside it the third one above 0.8. */
const WALLS: Walls = [
  { from: 0, dim: 2, normals: Float64Array.of(1, 0, -0.6, 0.8), offsets: Float64Array.of(-0.3, 0.2) },
  { from: 2, dim: 1, normals: Float64Array.of(1), offsets: Float64Array.of(-0.8) },
];
const KERNELS: Record<string, (target: Target) => Kernel> = {
  'hit and run': (target) => buildHitAndRun(target, { lines: 2 }),
  reflective: (target) => buildReflective(target, { reflections: 100 }),
};

describe.each(Object.entries(KERNELS))('%s', (_, build) => {
  it('keeps a truncated normal', async () => {
    expect(await worstScore(build(targetOf(WALLS)))).toBeLessThan(5);
  });

  it('fails that test with walls a tenth too far in', async () => {
    expect(await worstScore(build(targetOf(moved(-0.1))))).toBeGreaterThan(8);
  });

  it('fails that test with walls that are not there', async () => {
    const none = WALLS.map((block) => ({
      ...block,
      normals: new Float64Array(0),
      offsets: new Float64Array(0),
    }));
    expect(await worstScore(build({ ...targetOf(WALLS), ...free(), walls: none }))).toBeGreaterThan(8);
  });

  it('keeps the joint law of a normal and a datum that walls it in', async () => {
    expect(await jointScore(build, SLACK)).toBeLessThan(5);
  });

  it('fails that test where it believes the datum to lie nearer', async () => {
    expect(await jointScore(build, SLACK + 0.5)).toBeGreaterThan(8);
  });

  it('gives a chain the same bytes wherever it stands among others', async () => {
    const target = targetOf(WALLS);
    const kernel = build(target);
    const run = async (chains: Uint32Array) => {
      const z = Float64Array.from({ length: DIM * chains.length }, (__, at) => (at % DIM === 1 ? 3 : 1));
      let state = await initState(target, z, { seed: 6, chains });
      for (let step = 0; step < 5; step++)
        state = (await kernel.step({ seed: 6, step, chains }, state)).state;
      return state.z;
    };
    const [both, turned] = [await run(Uint32Array.of(0, 1)), await run(Uint32Array.of(1, 0))];
    expect(turned.subarray(0, DIM)).toEqual(both.subarray(DIM));
    expect(turned.subarray(DIM)).toEqual(both.subarray(0, DIM));
    expect(both.subarray(0, DIM)).not.toEqual(both.subarray(DIM));
  });

  it('is refused where a target has no walls', () => {
    const { walls: __, ...open } = targetOf(WALLS);
    expect(() => build(open)).toThrow(/the target has none/);
  });
});

describe('a trajectory with more reflections than allowed', () => {
  it('leaves the point where it was', async () => {
    // A corridor a hundredth wide: a quarter of a turn meets its walls hundreds of times.
    const narrow: Walls = [
      { from: 0, dim: 1, normals: Float64Array.of(1, -1), offsets: Float64Array.of(0, 0.01) },
    ];
    const target = { ...targetOf(narrow), dim: 1 };
    const chains = NUMBERS.subarray(0, 50);
    const start = await initState(target, new Float64Array(50).fill(0.005), { seed: 1, chains });
    const step = (reflections: number) =>
      buildReflective(target, { reflections }).step({ seed: 1, step: 0, chains }, start);
    const [few, many] = [await step(3), await step(10_000)];
    expect(few.state.z.filter((value) => value === 0.005).length).toBeGreaterThan(40);
    expect(many.state.z.filter((value) => value === 0.005).length).toBe(0);
    expect(many.state.z.every((value) => value > 0 && value < 0.01)).toBe(true);
  });

  it('is allowed one at least', () => {
    expect(() => buildReflective(targetOf(WALLS), { reflections: 0 })).toThrow(/at least once.*0/);
  });
});

/** The standard normal within the walls. */
function targetOf(walls: Walls): Target {
  const inside = (z: Float64Array, row: number, dim: number) =>
    walls.every(({ from, dim: size, normals, offsets }) =>
      offsets.every((offset, wall) => {
        let distance = offset;
        for (let i = 0; i < size; i++) distance += normals[wall * size + i]! * z[row * dim + from + i]!;
        return distance >= 0;
      }),
    );
  const dim = walls.at(-1)!.from + walls.at(-1)!.dim;
  return {
    dim,
    walls,
    logDensityAndGradient(z) {
      const logDensity = Float64Array.from({ length: z.length / dim }, (_, row) => {
        const own = z.subarray(row * dim, (row + 1) * dim);
        const squared = own.reduce((sum, value) => sum + value * value, 0);
        return inside(z, row, dim) ? -squared / 2 : Number.NEGATIVE_INFINITY;
      });
      return { logDensity, gradient: z.map((value) => -value) };
    },
  };
}

/** The standard normal with no walls. */
function free(): Pick<Target, 'logDensityAndGradient'> {
  return {
    logDensityAndGradient: (z) => ({
      logDensity: new Float64Array(z.length / DIM),
      gradient: z.map((value) => -value),
    }),
  };
}

/** Of the datum y ~ U(w z, w z + slack) around a direction of z ~ N(0, I): given y, z lies between two walls. */
const SLACK = 1.5;
const [ACROSS, ALONG] = [0.6, 0.8];
const PAIRS = 1_500;
const ROUNDS = 12;

/**
 * Largest |z| of moments of z and y after rounds in which the kernel moves z given y, and y is drawn given z.
 * @param believed - the slack that the kernel's walls have.
 * @see Geweke, "Getting it right: joint distribution tests of posterior simulators", JASA 2004.
 */
async function jointScore(build: (target: Target) => Kernel, believed: number): Promise<number> {
  const random = randomStream(9, 1);
  const pairs = Array.from({ length: PAIRS }, () => [random.normal(), random.normal(), 0]);
  const normals = Float64Array.of(-ACROSS, -ALONG, ACROSS, ALONG);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [chain, pair] of pairs.entries()) {
      const datum = ACROSS * pair[0]! + ALONG * pair[1]! + SLACK * random.uniform();
      const walls = [{ from: 0, dim: 2, normals, offsets: Float64Array.of(datum, believed - datum) }];
      const target = targetOf(walls);
      const chains = Uint32Array.of(chain);
      const state = await initState(target, Float64Array.of(pair[0]!, pair[1]!), { seed: 5, chains });
      const done = await build(target).step({ seed: 5, step: round, chains }, state);
      pairs[chain] = [...done.state.z, datum];
    }
  }
  // Given z the datum has mean w z + slack / 2; the last one is older than z, and as good.
  const moments: readonly [(one: readonly number[]) => number, number][] = [
    [(one) => one[0]!, 0],
    [(one) => one[1]!, 0],
    [(one) => one[0]! ** 2, 1],
    [(one) => one[1]! ** 2, 1],
    [(one) => one[0]! * one[1]!, 0],
    [(one) => one[2]!, SLACK / 2],
    [(one) => one[2]! * one[1]!, ALONG],
  ];
  return Math.max(
    ...moments.map(([of, want]) => {
      const values = pairs.map(of);
      const mean = values.reduce((sum, value) => sum + value, 0) / PAIRS;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / PAIRS;
      return Math.abs(mean - want) / Math.sqrt(variance / PAIRS);
    }),
  );
}

function moved(by: number): Walls {
  return WALLS.map((block) => ({ ...block, offsets: block.offsets.map((offset) => offset + by) }));
}

/** Exact draws, by rejection. */
function exact(rows: number, seed: number): Float64Array {
  const random = randomStream(seed, 1);
  const { logDensityAndGradient } = targetOf(WALLS);
  const z = new Float64Array(rows * DIM);
  for (let row = 0; row < rows; ) {
    const one = Float64Array.from({ length: DIM }, () => random.normal());
    const { logDensity } = logDensityAndGradient(one) as { readonly logDensity: Float64Array };
    if (logDensity[0]! > Number.NEGATIVE_INFINITY) z.set(one, DIM * row++);
  }
  return z;
}

const FUNCTIONS: readonly ((z: Float64Array) => number)[] = [
  (z) => z[0]!,
  (z) => z[1]!,
  (z) => z[2]!,
  (z) => z[0]! * z[1]!,
  (z) => z[0]! ** 2,
  (z) => z[1]! ** 2,
  (z) => z[2]! ** 2,
];
const START = exact(CHAINS, 7);
const EXACTLY = means(exact(50_000, 8));

/** Largest |z| of the statistics after a few steps from exact draws; those that the kernel cannot start from are left out. */
async function worstScore(kernel: Kernel): Promise<number> {
  const state = {
    z: START.slice(),
    logDensity: new Float64Array(CHAINS),
    gradient: null,
    momentum: new Float64Array(START.length),
    direction: new Int8Array(CHAINS).fill(1),
  };
  let at = await kernel.step({ seed: 5, step: 0, chains: NUMBERS }, state);
  for (let step = 1; step < STEPS; step++)
    at = await kernel.step({ seed: 5, step, chains: NUMBERS }, at.state);
  const moves = at.state.z.filter((value, i) => value !== START[i]).length;
  expect(moves / START.length).toBeGreaterThan(0.9);
  const found = means(at.state.z);
  return Math.max(
    ...found.map(({ mean, error }, i) => {
      return Math.abs((mean - EXACTLY[i]!.mean) / Math.hypot(error, EXACTLY[i]!.error));
    }),
  );
}

function means(z: Float64Array): { readonly mean: number; readonly error: number }[] {
  const rows = z.length / DIM;
  return FUNCTIONS.map((fn) => {
    const values = Float64Array.from({ length: rows }, (_, row) =>
      fn(z.subarray(row * DIM, (row + 1) * DIM)),
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / rows;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rows;
    return { mean, error: Math.sqrt(variance / rows) };
  });
}
