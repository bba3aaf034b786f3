// Region masses against laws whose orthants and intervals are known, and against counts done by hand.

import { describe, expect, it } from 'vitest';
import {
  compareRegions,
  gTest,
  jensenShannonBits,
  regionDivergence,
} from '../../../activities/metflow/diagnostics/region-comparison.ts';
import {
  regionMasses,
  unseenMass,
  type RegionDraws,
} from '../../../activities/metflow/diagnostics/region-mass.ts';
import { autocovariance } from '../../../activities/numeric/fft.ts';
import { benjaminiHochberg } from '../../../activities/numeric/benjamini-hochberg.ts';
import { normalCdf } from '../../../activities/numeric/normal-distribution.ts';
import { randomStream } from '../../../activities/numeric/rng.ts';
import { studentQuantile, studentTwoSided } from '../../../activities/numeric/student-distribution.ts';

/** Labels of draws of AR(1) chains in two standard normal coordinates of correlation rho; `memory` 0: independent. */
function gaussianLabels(
  labelOf: (x: number, y: number) => number,
  options: { seed: number; chains: number; draws: number; memory: number; rho: number; regions: number },
): RegionDraws {
  const { seed, chains, draws, memory, rho, regions } = options;
  const labels = new Int32Array(chains * draws);
  for (let chain = 0; chain < chains; chain++) {
    const random = randomStream(seed, chain);
    let [a, b] = [random.normal(), random.normal()];
    for (let draw = 0; draw < draws; draw++) {
      labels[chain * draws + draw] = labelOf(a, rho * a + Math.sqrt(1 - rho * rho) * b);
      const fresh = Math.sqrt(1 - memory * memory);
      [a, b] = [memory * a + fresh * random.normal(), memory * b + fresh * random.normal()];
    }
  }
  return { labels, regions, chains, draws };
}

const orthant = (x: number, y: number) => (x > 0 ? 1 : 0) + (y > 0 ? 2 : 0);

function drawsOf(rows: readonly (readonly number[])[]): RegionDraws {
  const labels = Int32Array.from(rows.flat());
  return { labels, regions: Math.max(...labels) + 1, chains: rows.length, draws: rows[0]!.length };
}

describe('region masses', () => {
  it('of independent normals are 2^-m in every orthant, and sum to 1', () => {
    const units = 5;
    const random = randomStream(11);
    const [chains, draws] = [4, 4000];
    const labels = Int32Array.from({ length: chains * draws }, () => {
      let code = 0;
      for (let unit = 0; unit < units; unit++) code |= Number(random.normal() > 0) << unit;
      return code;
    });
    const { reported, other } = regionMasses(
      { labels, regions: 2 ** units, chains, draws },
      { effectiveSize: chains * draws },
    );
    expect(reported).toHaveLength(2 ** units);
    expect(other.visits).toBe(0);
    expect(reported.reduce((sum, { mass }) => sum + mass, 0)).toBeCloseTo(1, 12);
    // 32 regions, |z| < 4: false alarm 2e-3.
    for (const { mass, error, reliable } of reported) {
      expect(reliable).toBe(true);
      expect(Math.abs(mass - 2 ** -units) / error).toBeLessThan(4);
    }
  });

  it('have standard errors that cover the orthants of correlated, slowly moving chains', () => {
    const rho = 0.6;
    const same = 1 / 4 + Math.asin(rho) / (2 * Math.PI);
    const truth = [same, 1 / 2 - same, 1 / 2 - same, same];
    const scores: number[] = [];
    for (let seed = 0; seed < 30; seed++) {
      const options = { seed, chains: 4, draws: 1500, memory: 0.9, rho, regions: 4 };
      const { reported } = regionMasses(gaussianLabels(orthant, options), { effectiveSize: 300 });
      for (const { region, mass, error, low, high, effectiveSize } of reported) {
        scores.push((mass - truth[region]!) / error);
        expect(effectiveSize).toBeLessThan(3000);
        expect(low).toBeLessThan(mass);
        expect(high).toBeGreaterThan(mass);
      }
    }
    // 120 scores, those of one run dependent: a mean square outside [0.6, 1.6] has chance below 1e-3.
    const square = scores.reduce((sum, score) => sum + score * score, 0) / scores.length;
    expect(square).toBeGreaterThan(0.6);
    expect(square).toBeLessThan(1.6);
  });

  it('of a net on the line are those of its intervals', () => {
    // Units x + 1 and 2 x - 1: the line is cut at -1 and 1/2.
    const label = (x: number) => Number(x + 1 > 0) + Number(2 * x - 1 > 0);
    const options = { seed: 5, chains: 8, draws: 2000, memory: 0.5, rho: 0, regions: 3 };
    const { reported } = regionMasses(gaussianLabels(label, options), { effectiveSize: 3000 });
    const truth = [normalCdf(-1), normalCdf(0.5) - normalCdf(-1), 1 - normalCdf(0.5)];
    expect(reported).toHaveLength(3);
    for (const { region, mass, error } of reported)
      expect(Math.abs(mass - truth[region]!) / error).toBeLessThan(3.7);
  });

  it('are unreliable, with the error between chains, where a chain never changes region', () => {
    const still = Array<number>(400).fill(0);
    const moving = Array.from({ length: 400 }, (_, i) => Math.floor(i / 3) % 2);
    const { reported } = regionMasses(drawsOf([still, moving, moving]), { effectiveSize: 400 });
    const first = reported.find(({ region }) => region === 0)!;
    const share = moving.filter((label) => label === 0).length / 400;
    const mean = (1 + 2 * share) / 3;
    const between = Math.sqrt(((1 - mean) ** 2 + 2 * (share - mean) ** 2) / 2 / 3);
    expect(first.reliable).toBe(false);
    expect(first.error).toBeCloseTo(between, 12);
    // 4.302653 is the 97.5 % quantile of Student's law with 2 degrees of freedom.
    expect(first.low).toBeCloseTo(Math.max(0, mean - 4.302653 * between), 6);
  });

  it('put rare regions into one bin, keep wanted ones, and bound what was never visited', () => {
    const random = randomStream(3);
    const labels = Int32Array.from({ length: 4000 }, (_, at) =>
      at % 1000 === 7 ? 2 : at % 1000 === 9 ? 3 : random.below(2),
    );
    const wanted = Uint8Array.of(0, 0, 0, 1, 1);
    const draws = { labels, regions: 5, chains: 4, draws: 1000 };
    const { reported, other } = regionMasses(draws, { effectiveSize: 1500, wanted });
    expect(reported.map(({ region }) => region).sort()).toEqual([0, 1, 3, 4]);
    expect(other.visits).toBe(4);
    const never = reported.find(({ region }) => region === 4)!;
    expect(never).toMatchObject({ mass: 0, low: 0, high: 3 / 1500, reliable: false });
    expect(never.error).toBeNaN();
  });

  it('report at most so many regions by weight', () => {
    const random = randomStream(4);
    const labels = Int32Array.from({ length: 4000 }, () => random.below(10));
    const { reported, other } = regionMasses(
      { labels, regions: 10, chains: 4, draws: 1000 },
      { effectiveSize: 4000, most: 3 },
    );
    expect(reported).toHaveLength(3);
    expect(reported.reduce((sum, { visits }) => sum + visits, other.visits)).toBe(4000);
  });

  it('estimate the unseen mass by what was seen once, among draws far apart', () => {
    const draws = drawsOf([
      [0, 9, 1, 9, 2, 9],
      [0, 9, 3, 9, 3, 9],
    ]);
    // Kept are 0 1 2 and 0 3 3: of six, 1 and 2 are seen once.
    expect(unseenMass(draws, 2)).toEqual({ mass: 2 / 6, kept: 6 });
  });
});

describe('masses and frequencies', () => {
  const estimate = { visits: 0, low: 0, high: 1, effectiveSize: 400, reliable: true };

  it('differ by a score of both errors', () => {
    const masses = [
      { ...estimate, mass: 0.3, error: 0.02 },
      { ...estimate, mass: 0.7, error: 0.02 },
    ];
    const [first] = compareRegions(masses, { counts: [25, 75], points: 100, chains: 4 });
    const score = 0.05 / Math.sqrt(0.02 ** 2 + (25 * 75) / 100 ** 3);
    expect(first!.difference).toBeCloseTo(0.05, 12);
    expect(first!.pValue).toBeCloseTo(2 * normalCdf(-score), 12);
    expect(first!.logRatio).toBeCloseTo(Math.log(120.5 / 401 / (25.5 / 101)), 12);
  });

  it('have no p where the mass has no error, and such rows do not count in the adjustment', () => {
    const masses = [
      { ...estimate, mass: 0, error: Number.NaN, effectiveSize: Number.NaN, reliable: false },
      { ...estimate, mass: 0.5, error: 0.1 },
    ];
    const [never, other] = compareRegions(masses, { counts: [40, 60], points: 100, chains: 4 });
    expect(never!.pValue).toBeNaN();
    expect(other!.adjusted).toBe(other!.pValue);
  });

  it('are adjusted as Benjamini and Hochberg do', () => {
    // By hand: 4 tests sorted .01 .02 .03 .5 give .04 .04 .04 .5.
    const adjusted = benjaminiHochberg(Float64Array.of(0.03, 0.5, Number.NaN, 0.01, 0.02));
    const expected = [0.04, 0.5, Number.NaN, 0.04, 0.04];
    for (const [i, value] of adjusted.entries())
      if (Number.isNaN(expected[i]!)) expect(value).toBeNaN();
      else expect(value).toBeCloseTo(expected[i]!, 12);
  });

  it('have the G of their table', () => {
    // A 2 x 2 table 10 30 / 20 40 by hand: 2 sum O ln(O / E) with E = 12 28 / 18 42.
    const byHand =
      2 * (10 * Math.log(10 / 12) + 30 * Math.log(30 / 28) + 20 * Math.log(20 / 18) + 40 * Math.log(40 / 42));
    const { statistic, pValue } = gTest([0.25, 0.75], { counts: [20, 40], points: 60, size: 40 });
    expect(statistic).toBeCloseTo(byHand, 10);
    expect(pValue).toBeCloseTo(2 * normalCdf(-Math.sqrt(byHand)), 10);
  });

  it('have divergence 0 where equal and 1 bit where they share nothing', () => {
    expect(jensenShannonBits([0.2, 0.8], [0.2, 0.8])).toBe(0);
    expect(jensenShannonBits([1, 0], [0, 1])).toBeCloseTo(1, 12);
    // H(3/4, 1/4) - (H(1/2, 1/2) + H(1, 0)) / 2
    const mixed = -(0.75 * Math.log2(0.75) + 0.25 * Math.log2(0.25)) - 0.5;
    expect(jensenShannonBits([0.5, 0.5], [1, 0])).toBeCloseTo(mixed, 12);
  });

  it('have an interval of the divergence that repeats with the seed and widens with disagreeing chains', () => {
    const counts = [500, 300, 200];
    const agreeing = Float64Array.from([0.5, 0.3, 0.2, 0.5, 0.3, 0.2, 0.5, 0.3, 0.2]);
    const torn = Float64Array.from([1, 0, 0, 0.5, 0.3, 0.2, 0, 0.6, 0.4]);
    const calm = regionDivergence(agreeing, { counts, chains: 3, seed: 1 });
    expect(calm.bits).toBe(0);
    expect(regionDivergence(agreeing, { counts, chains: 3, seed: 1 })).toEqual(calm);
    const wide = regionDivergence(torn, { counts, chains: 3, seed: 1 });
    expect(wide.high).toBeGreaterThan(20 * calm.high);
  });
});

describe("Student's distribution", () => {
  it('has the quantiles of printed tables', () => {
    expect(studentQuantile(0.05, 1)).toBeCloseTo(12.7062, 3);
    expect(studentQuantile(0.05, 10)).toBeCloseTo(2.228139, 5);
    expect(studentQuantile(0.01, 30)).toBeCloseTo(2.749996, 5);
    // One degree is Cauchy's law.
    expect(studentTwoSided(2, 1)).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(2), 12);
    expect(studentQuantile(0.05, 0)).toBeNaN();
  });
});

describe('autocovariances of indicators', () => {
  it.each([
    ['rare', 0.03],
    ['frequent', 0.96],
    ['never', 0],
  ])('of a %s event are those of the definition', (_, share) => {
    const random = randomStream(8);
    const n = 300;
    const series = Float64Array.from({ length: n }, () => Number(random.uniform() < share));
    const mean = series.reduce((sum, value) => sum + value, 0) / n;
    for (const [lag, covariance] of autocovariance(series).entries()) {
      let sum = 0;
      for (let i = 0; i + lag < n; i++) sum += (series[i]! - mean) * (series[i + lag]! - mean);
      expect(covariance).toBeCloseTo(sum / n, 13);
    }
  });
});
