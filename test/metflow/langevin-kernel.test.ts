// The Langevin step as a map of z: its determinant, its ratio, and what happens where it folds.

import { describe, expect, it } from 'vitest';
import { langevinKernel } from '../../activities/metflow/path/langevin-kernel.ts';
import { logNormal } from '../../activities/metflow/path/path-kernel.ts';
import { mul, type JaxArray } from '../../activities/numeric/array-math.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { threeGaussians } from './path-fixture.ts';
import { compiled } from './traced.ts';

const ROWS = 40;
const target = threeGaussians();
const random = randomStream(3, 1);
const normals = (scale: number) => Float64Array.from({ length: 2 * ROWS }, () => scale * random.normal());
const STEPS = Float64Array.of(0.1, 0.2);
const logStep = STEPS.map(Math.log);

function proposed(density: (z: JaxArray) => JaxArray) {
  const kernel = langevinKernel({ dim: 2, stepSize: 0.1 });
  return compiled(
    (args) => {
      const at = { z: args.z!, logDensity: density(args.z!), momentum: null };
      const step = { u: args.u!, direction: args.u! };
      const { moved, logRatio, logDet } = kernel.propose({ logStep: args.logStep! }, at, step, density);
      return { z: moved.z, logRatio, logDet, before: at.logDensity, after: moved.logDensity };
    },
    { logStep: [2], z: [ROWS, 2], u: [ROWS, 2] },
  );
}

describe('the Langevin step', () => {
  const [z, u] = [normals(1.5), normals(1)];

  it('has the log determinant of central differences', async () => {
    const call = await proposed((rows) => target.logDensity(rows.ref));
    const { logDet } = await call({ logStep, z, u });
    const h = 1e-5;
    const columns = [];
    for (const axis of [0, 1]) {
      const shifted = (by: number) => z.map((value, at) => (at % 2 === axis ? value + by : value));
      const up = (await call({ logStep, z: shifted(h), u })).z!;
      const down = (await call({ logStep, z: shifted(-h), u })).z!;
      columns.push(up.map((value, at) => (value - down[at]!) / (2 * h)));
    }
    await call.close();
    const [a, b] = columns as [Float64Array, Float64Array];
    for (let row = 0; row < ROWS; row++) {
      const determinant = a[2 * row]! * b[2 * row + 1]! - a[2 * row + 1]! * b[2 * row]!;
      expect(Math.abs(Math.log(determinant) - logDet![row]!)).toBeLessThan(1e-6);
    }
  });

  it('has the ratio of Gaussian proposals there and back, written out for N(0, I)', async () => {
    const call = await proposed(logNormal);
    const found = await call({ logStep, z, u });
    await call.close();
    const logProposal = (from: number[], to: number[]) =>
      from.reduce((total, value, i) => {
        const gap = to[i]! - value + STEPS[i]! * value;
        return total - gap ** 2 / (4 * STEPS[i]!) - Math.log(STEPS[i]!) / 2;
      }, 0);
    for (let row = 0; row < ROWS; row++) {
      const [here, there] = [z, found.z!].map((values) => Array.from(values.subarray(2 * row, 2 * row + 2)));
      const squares = (point: number[]) => point.reduce((total, value) => total + value * value, 0);
      const change = (squares(here!) - squares(there!)) / 2;
      const want = change + logProposal(there!, here!) - logProposal(here!, there!);
      expect(Math.abs(found.logRatio![row]! - want)).toBeLessThan(1e-10);
      expect(found.logDet![row]).toBeCloseTo(Math.log(0.9 * 0.8), 12);
    }
  });

  it('is broken, and without a determinant, where the step is too long to be invertible', async () => {
    const call = await proposed((rows) => mul(logNormal(rows), 12));
    const found = await call({ logStep, z, u });
    await call.close();
    expect(found.logRatio!.every(Number.isNaN)).toBe(true);
    expect(found.logDet!.every((value) => value === 0)).toBe(true);
  });

  it('refuses dimensions whose determinant would cost too much', () => {
    expect(() => langevinKernel({ dim: 51, stepSize: 0.1 })).toThrow(/at most 50 dimensions.*51/);
  });
});
