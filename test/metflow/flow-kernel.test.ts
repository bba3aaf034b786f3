// One step of a flow proposal: balance between bins in one dimension, and the ways to get it wrong.
// False alarms: 1e-3 for each of two chi-squares. The controls lie beyond 8 standard errors.

import { describe, expect, it } from 'vitest';
import { affine } from '../../activities/metflow/flows/affine.ts';
import { flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import { logNormal } from '../../activities/metflow/path/path-kernel.ts';
import { runPath } from '../../activities/metflow/path/run-path.ts';
import { where, type JaxArray } from '../../activities/numeric/array-math.ts';
import { chiSquareTail } from '../../activities/numeric/gamma-distribution.ts';
import { fillNormals, fillUniforms } from '../../activities/numeric/philox-address.ts';
import { compiled } from './traced.ts';

const ROWS = 200_000;
const CHAINS = Uint32Array.from({ length: ROWS }, (_, row) => row);
// z' = z e^0.35 + 0.8 on N(0, 1): neither kept by the map nor nearly so.
const THETA = { logScale: Float64Array.of(0.35), shift: Float64Array.of(0.8) };
const density = (z: JaxArray) => logNormal(z);

const step = await compiled(
  ({ logScale, shift, z, direction, accept }) => {
    const kernel = flowKernel(affine({ dim: 1 }));
    const parameters = { logScale: logScale!, shift: shift! };
    const start = { z: z!, logDensity: density(z!), momentum: null };
    const draws = { u: [null], direction: [direction!], accept: [accept!] };
    const [one] = runPath([{ kernel, parameters }], start, {
      draws,
      density,
      rule: 'metropolis',
      directions: 'reversible',
    });
    return { z: one!.after.z, accepted: where(one!.accepted, 1, accept!) };
  },
  { logScale: [1], shift: [1], z: [ROWS, 1], direction: [ROWS], accept: [ROWS] },
);

/** Uniforms of an address of their own. */
function uniforms(part: number, at: number): Float64Array {
  return fillUniforms(new Float64Array(ROWS), CHAINS, { seed: 3, step: at, purpose: 'v', part });
}

function exactDraws(): Float64Array {
  return fillNormals(new Float64Array(ROWS), CHAINS, { seed: 3, step: 0, purpose: 'init' });
}

async function move(z: Float64Array, direction: Float64Array, at: number) {
  const found = await step({ ...THETA, z, direction, accept: uniforms(1, at) });
  return { z: found.z!, accepted: found.accepted!.map((value) => (value === 1 ? 1 : 0)) };
}

/** Chi-square of counts (i, v) -> (j, w) against (j, w) -> (i, v), the directions turned where `turn`. */
function balance(
  before: { z: Float64Array; v: Float64Array },
  after: { z: Float64Array; v: Float64Array },
  turn: 1 | -1,
): number {
  const bins = 12;
  const cell = (z: number, v: number) => {
    return (v > 0 ? bins : 0) + Math.max(0, Math.min(bins - 1, Math.floor((z + 3) * 2)));
  };
  const counts = new Float64Array(4 * bins * bins);
  for (let row = 0; row < ROWS; row++) {
    counts[cell(before.z[row]!, before.v[row]!) * 2 * bins + cell(after.z[row]!, after.v[row]!)]!++;
  }
  let [statistic, pairs] = [0, 0];
  const turned = (c: number) => (turn === 1 ? c : (c + bins) % (2 * bins));
  for (let i = 0; i < 2 * bins; i++) {
    for (let j = 0; j < 2 * bins; j++) {
      const [there, back] = [counts[i * 2 * bins + j]!, counts[turned(j) * 2 * bins + turned(i)]!];
      if (there + back < 20) continue;
      statistic += (there - back) ** 2 / (there + back) / 2;
      pairs += 0.5;
    }
  }
  expect(pairs).toBeGreaterThan(20);
  return chiSquareTail(statistic, pairs);
}

describe('a flow proposal with random direction', () => {
  it('goes there as often as back', async () => {
    const z = exactDraws();
    const v = uniforms(0, 1).map((coin) => (coin < 0.5 ? 1 : -1));
    const after = await move(z, v, 1);
    const any = new Float64Array(ROWS).fill(1);
    expect(balance({ z, v: any }, { z: after.z, v: any }, 1)).toBeGreaterThan(1e-3);
  });

  it('is found out where one direction is likelier and the ratio does not say so', async () => {
    let z = exactDraws();
    for (let at = 0; at < 4; at++) {
      const v = uniforms(0, at).map((coin) => (coin < 0.3 ? 1 : -1));
      z = (await move(z, v, at)).z;
    }
    expect(Math.abs(score(z, 0))).toBeGreaterThan(8);
  });
});

describe('a lifted flow proposal', () => {
  it('goes there as often as back with all directions turned', async () => {
    const z = exactDraws();
    const v = uniforms(0, 1).map((coin) => (coin < 0.5 ? 1 : -1));
    const { z: to, accepted } = await move(z, v, 1);
    const after = v.map((way, row) => (accepted[row] === 1 ? way : -way));
    expect(balance({ z, v }, { z: to, v: after }, -1)).toBeGreaterThan(1e-3);
    // It does not do so with the directions as they are: this is no reversible kernel.
    expect(balance({ z, v }, { z: to, v: after }, 1)).toBeLessThan(1e-6);
  });

  it.each([
    ['kept', 5],
    ['lost', 8],
  ] as const)('has its target %s by what a rejection does to the direction', async (fate, bound) => {
    let z = exactDraws();
    let v = uniforms(0, 9).map((coin) => (coin < 0.5 ? 1 : -1));
    for (let at = 0; at < 6; at++) {
      const { z: to, accepted } = await move(z, v, at);
      if (fate === 'kept') v = v.map((way, row) => (accepted[row] === 1 ? way : -way));
      z = to;
    }
    const worst = Math.max(
      Math.abs(score(z, 0)),
      Math.abs(
        score(
          z.map((x) => x * x),
          1,
        ),
      ),
    );
    if (fate === 'kept') expect(worst).toBeLessThan(bound);
    else expect(worst).toBeGreaterThan(bound);
  });
});

/** Standard errors between the mean of the values and what it should be. */
function score(values: Float64Array, want: number): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / ROWS;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / ROWS;
  return (mean - want) / Math.sqrt(variance / ROWS);
}
