// Polytopes of a net's codes: inside is where the code is the point's, by passing points through the net; masses by nested
// levels against those that are known. Estimates at |z| < 4.5, 8 of them: a false alarm in 2e4 runs. The control, a law
// that forgets its walls, misses by more than 8.

import { describe, expect, it } from 'vitest';
import { type LevelMass, levelMasses } from '../../activities/metflow/diagnostics/level-mass.ts';
import { buildHitAndRun } from '../../activities/metflow/hit-and-run.ts';
import { initState, type Kernel } from '../../activities/metflow/kernel.ts';
import { buildReflective } from '../../activities/metflow/reflective.ts';
import { logNormal } from '../../activities/metflow/path/path-kernel.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import { polytope, polytopeLevels } from '../../activities/metflow/targets/polytope.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { normalCdf } from '../../activities/numeric/normal-distribution.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import {
  codeOf,
  firstLayer,
  inOrthant,
  intervalOf,
  oneLayer,
  randomNet,
  rotation,
  vector,
} from './small-nets.ts';
import { runner } from './traced.ts';

const LAW = { centre: 0, scale: 1, smoothing: { weight: 10, width: 0.1 } };
const SPLIT = { leastShare: 0.1, seed: 6 };
const CHAINS = 8;
const DRAWS = 400;

describe('the law on a polytope', () => {
  // 8 inputs that the first layer sees 5 directions of; a unit of the second leaks.
  const net = randomNet([8, 5, 4, 2], 3);
  const point = vector(8, 12);
  const law = { centre: 0.2, scale: 0.7, smoothing: LAW.smoothing };
  const target = polytope({ net, point, ...law });

  it('has the density of the Gaussian where the code is the point’s, and none elsewhere', async () => {
    const rows = 6000;
    const z = target.base!(rows, randomStream(5, 1));
    const code = codeOf(net, point);
    const open = await openTarget(target, { runner, rows });
    const logDensity = await open.logDensity(z.slice());
    const inputs = target.modelInput!(z);
    let inside = 0;
    for (let row = 0; row < rows; row++) {
      const own = z.subarray(row * 5, (row + 1) * 5);
      const same = codeOf(net, inputs.subarray(row * 8, (row + 1) * 8)) === code;
      const gaussian = own.reduce((sum, value) => sum - (value * value) / 2, -2.5 * Math.log(2 * Math.PI));
      if (same) expect(logDensity[row]).toBeCloseTo(gaussian, 10);
      else expect(logDensity[row]).toBe(Number.NEGATIVE_INFINITY);
      inside += same ? 1 : 0;
    }
    expect(inside).toBeGreaterThan(5);
    expect(inside).toBeLessThan(rows / 2);
    await open.close();
  });

  it('starts at the point, as far as the net sees it', async () => {
    const open = await openTarget(target, { runner, rows: 1 });
    expect((await open.logDensity(target.start!.slice()))[0]).toBeGreaterThan(Number.NEGATIVE_INFINITY);
    await open.close();
    const [seen, given] = [target.modelInput!(target.start!), Float64Array.from(point)];
    for (const [unit, value] of firstLayer(net, seen).entries())
      expect(value).toBeCloseTo(firstLayer(net, given)[unit]!, 10);
  });

  it('has a smoothed density for training that nears it as its edges get sharp', async () => {
    const rows = 500;
    const z = target.base!(rows, randomStream(6, 1));
    const sharp = polytope({ net, point, ...law, smoothing: { weight: 1, width: 1e-4 } });
    const [hard, soft] = await Promise.all(
      [target, { ...sharp, logDensity: sharp.smoothed! }].map(async (each) => {
        const open = await openTarget(each, { runner, rows });
        const values = await open.logDensityAndGradient(z.slice());
        await open.close();
        return { logDensity: values.logDensity.slice(), gradient: values.gradient.slice() };
      }),
    );
    for (let row = 0; row < rows; row++) {
      if (Number.isFinite(hard!.logDensity[row]!))
        expect(soft!.logDensity[row]).toBeCloseTo(hard!.logDensity[row]!, 2);
      else expect(soft!.logDensity[row]).toBeLessThan(-1);
    }
    expect(soft!.gradient.every(Number.isFinite)).toBe(true);
  });

  it('is refused for a point on a wall, of another size, and for curved units', () => {
    const zero = net.map((layer) => ({ ...layer, bias: new Float64Array(layer.outputs) }));
    expect(() => polytope({ net: zero, point: vector(8, 1).fill(0), ...law })).toThrow(/lies on a wall/);
    expect(() => polytope({ net, point: [1, 2], ...law })).toThrow(/8 inputs.*2/);
    const curved = net.map((layer) => ({ ...layer, activation: { kind: 'tanh' } as const }));
    expect(() => polytope({ net: curved, point, ...law })).toThrow(/with tanh/);
    expect(() => polytope({ net: net.slice(-1), point: vector(4, 1), ...law })).toThrow(/no hidden layer/);
  });
});

describe('the mass of a region by nested levels', () => {
  it('is 2^-12 for an orthant of 12 orthonormal units', async () => {
    const net = oneLayer(rotation(12, 4), new Float64Array(12));
    const target = polytopeLevels({ net, point: inOrthant(net), unitsPerLevel: 2, ...SPLIT, ...LAW });
    expect(target.levels!.units).toEqual([2, 4, 6, 8, 10, 12]);
    expectMass(await estimate(target), 2 ** -12, 0.1);
  });

  it('is that of correlated units, by the arcsine, and the same with hit-and-run', async () => {
    const rho = 0.8;
    const weight = Float64Array.of(1, rho, 0, Math.sqrt(1 - rho * rho)); // [inputs, units]
    const target = polytopeLevels({
      net: oneLayer(weight, new Float64Array(2)),
      point: [1, 1],
      unitsPerLevel: 1,
      ...SPLIT,
      ...LAW,
    });
    const exact = 0.25 + Math.asin(rho) / (2 * Math.PI);
    expectMass(await estimate(target), exact, 0.1);
    expectMass(await estimate(target, 'hit-and-run'), exact, 0.1);
    // Draws that no wall holds back take the second unit for independent of the first.
    const free = { ...target, walls: unwalled(target), logDensity: logNormal };
    expect(Math.abs(zScore(await estimate(free), exact))).toBeGreaterThan(8);
  });

  it('is that of an interval, by the normal distribution, in a net of one input and two layers', async () => {
    const net = randomNet([1, 3, 2, 2], 8);
    const law = { centre: -0.3, scale: 1.4 };
    const point = [0.9];
    const [low, high] = intervalOf(net, point);
    const exact = normalCdf((high - law.centre) / law.scale) - normalCdf((low - law.centre) / law.scale);
    expect(exact).toBeGreaterThan(1e-3);
    expect(exact).toBeLessThan(0.9);
    const options = { net, point, ...law, ...SPLIT, smoothing: LAW.smoothing };
    for (const unitsPerLevel of [null, 1])
      expectMass(await estimate(polytopeLevels({ ...options, unitsPerLevel })), exact, 0.2);
  });

  it('agrees with direct draws of the Gaussian in a net of two layers', async () => {
    const net = randomNet([6, 4, 3, 2], 21);
    const point = vector(6, 30);
    const rows = 50_000;
    const random = randomStream(3, 3);
    let hits = 0;
    const code = codeOf(net, point);
    for (let row = 0; row < rows; row++)
      if (
        codeOf(
          net,
          Float64Array.from({ length: 6 }, () => random.normal()),
        ) === code
      )
        hits++;
    const [share, error] = [hits / rows, Math.sqrt(hits) / rows];
    expect(hits).toBeGreaterThan(100);
    const found = (await estimate(polytopeLevels({ net, point, unitsPerLevel: 3, ...SPLIT, ...LAW }))).at(
      -1,
    )!;
    const apart = Math.log(share) - found.logMass;
    expect(Math.abs(apart) / Math.hypot(error / share, found.logError)).toBeLessThan(4.5);
  });

  it('is that of a unit seven standard deviations off, between two others, by levels that lead to it', async () => {
    // Orthonormal weights: a product of tails. The unit of the second level is rare by itself.
    const net = oneLayer(rotation(3, 5), Float64Array.of(0.5, -7, -0.3));
    const { outputs, inputs, weight } = net[0]!;
    const point = Float64Array.from(
      { length: inputs },
      (_, i) => 8 * weight[i * outputs + 1]! + weight[i * outputs]!,
    );
    expect(codeOf(net, point)).toBe('110');
    const exact = normalCdf(0.5) * normalCdf(-7) * normalCdf(0.3);
    const options = { net, point, unitsPerLevel: 1, ...LAW };
    const target = polytopeLevels({ ...options, ...SPLIT });
    const { units } = target.levels!;
    expect([units[0], units.at(-2), units.at(-1)]).toEqual([1, 2, 3]);
    expect(units.length).toBeGreaterThan(12);
    const levels = await estimate(target);
    expectMass(levels, exact, 0.45);
    // A share of a tenth by 400 draws of a pilot, but for the last step of the split unit and the others.
    for (const { share } of levels.slice(1, -2)) expect(Math.abs(share - 0.1)).toBeLessThan(0.08);
    const whole = await estimate(polytopeLevels({ ...options, ...SPLIT, leastShare: 0 }));
    expect(whole.map(({ logMass }) => logMass)[1]).toBe(Number.NEGATIVE_INFINITY);
  });

  it('is 0 with no error where no draw passes a level', () => {
    const passed = new Uint8Array(4 * 10 * 2);
    const [first, second] = levelMasses({ passed, levels: 2, chains: 4, draws: 10 }, 40);
    for (const level of [first!, second!]) {
      expect(level.share).toBe(0);
      expect(level.logMass).toBe(Number.NEGATIVE_INFINITY);
      expect(level.logError).toBeNaN();
      expect(level.reliable).toBe(false);
    }
  });
});

/** Levels of a target from chains that start at its point. */
async function estimate(
  target: TracedTarget,
  by: 'reflective' | 'hit-and-run' = 'reflective',
): Promise<readonly LevelMass[]> {
  const open = await openTarget(target, { runner, rows: CHAINS });
  const kernel: Kernel =
    by === 'reflective' ? buildReflective(open, { reflections: 1000 }) : buildHitAndRun(open, { lines: 4 });
  const chains = Uint32Array.from({ length: CHAINS }, (_, chain) => chain);
  const levels = target.levels!;
  const starts = Float64Array.from(
    { length: CHAINS * target.dim },
    (_, at) => target.start![at % target.dim]!,
  );
  let state = await initState(open, starts, { seed: 2, chains });
  const passed = new Uint8Array(CHAINS * DRAWS * levels.units.length);
  for (let step = -50; step < DRAWS; step++) {
    state = (await kernel.step({ seed: 2, step: step + 50, chains }, state)).state;
    if (step < 0) continue;
    const now = levels.passed(state.z);
    for (let chain = 0; chain < CHAINS; chain++)
      passed.set(
        now.subarray(chain * levels.units.length, (chain + 1) * levels.units.length),
        (chain * DRAWS + step) * levels.units.length,
      );
  }
  await open.close();
  return levelMasses({ passed, levels: levels.units.length, chains: CHAINS, draws: DRAWS }, CHAINS * DRAWS);
}

function zScore(levels: readonly LevelMass[], exact: number): number {
  const { logMass, logError } = levels.at(-1)!;
  return (logMass - Math.log(exact)) / logError;
}

function expectMass(levels: readonly LevelMass[], exact: number, error: number): void {
  expect(Math.abs(zScore(levels, exact))).toBeLessThan(4.5);
  expect(levels.at(-1)!.logError).toBeLessThan(error);
  expect(levels.every(({ reliable, share }) => reliable || share === 1)).toBe(true);
}

function unwalled({ walls }: TracedTarget) {
  return walls!.map((block) => ({ ...block, normals: new Float64Array(0), offsets: new Float64Array(0) }));
}
