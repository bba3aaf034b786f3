// Acceptance as paths trace it: for any ratio.

import { grad } from '@jax-js/jax';
import { describe, expect, it } from 'vitest';
import {
  accepts,
  logAcceptance as logAcceptanceOf,
  type AcceptRule,
} from '../../activities/metflow/acceptance.ts';
import { logAcceptance, logRejection } from '../../activities/metflow/path/run-path.ts';
import { toFloats } from '../../activities/metflow/parameters.ts';
import { add, type JaxArray, mul, sum } from '../../activities/numeric/array-math.ts';
import { compileFunction } from '../../activities/numeric/jaxpr-to-onnx.ts';
import { evaluated, runner, type Arrays } from './traced.ts';

describe('log probabilities of acceptance', () => {
  it.each(['metropolis', 'barker'] as const)('add up to 1 and take any ratio, under %s', async (rule) => {
    const ratios = Float64Array.of(
      -1e300,
      -800,
      -40,
      -1,
      -1e-9,
      0,
      1e-9,
      1,
      40,
      800,
      1e300,
      -Infinity,
      Infinity,
    );
    const { accept, reject } = await acceptanceAt(rule, ratios);
    for (const [i, ratio] of ratios.entries()) {
      expect(Math.exp(accept![i]!) + Math.exp(reject![i]!), String(ratio)).toBeCloseTo(1, 12);
      const known = rule === 'metropolis' ? Math.min(0, ratio) : -softplus(-ratio);
      expect(accept![i]).toBeCloseTo(known, 10);
      expect(logAcceptanceOf(ratio, { rule })).toBeCloseTo(known, 10);
    }
    if (rule === 'metropolis') expect(reject![4]! / Math.log(1e-9)).toBeCloseTo(1, 8);
  });
});

describe('the gradient of a training acceptance', () => {
  it.each(['float32', 'float64'] as const)(
    'is finite and right for ratios of hundreds, in %s',
    async (type) => {
      const ratios = [-900, -250, -90, -3, 0, 3, 90, 250, 900];
      const dims = [ratios.length];
      const specs = ['x', 'accept', 'reject'].map((name) => ({ name, type, dims }));
      const program = await runner.open(
        compileFunction((args) => {
          // As in a bound: what each decision is worth stands before its log probability.
          const loss = (x: JaxArray) =>
            add(
              sum(mul(args.accept!, logAcceptance(x, 'barker'))),
              sum(mul(args.reject!, logRejection(x, 'barker'))),
            );
          return { slope: (grad(loss as never) as unknown as (x: JaxArray) => JaxArray)(args.x!.ref) };
        }, specs),
      );
      const floats = (values: readonly number[]) => toFloats(values, type);
      const worth = ratios.map((_, i) => 1 + i);
      const [slope] = await program.run([floats(ratios), floats(worth), floats(worth.toReversed())]);
      await program.close();
      for (const [i, ratio] of ratios.entries()) {
        const probability = 1 / (1 + Math.exp(-ratio));
        const known = worth[i]! * (1 - probability) - worth.at(-1 - i)! * probability;
        expect(Number(slope![i]), String(ratio)).toBeCloseTo(known, 5);
      }
    },
  );
});

describe('acceptance of a chain', () => {
  it('rejects a ratio that is NaN and takes one of e^-700 at its word', () => {
    expect(accepts(Number.NaN, 1e-300, { rule: 'metropolis' })).toBe(false);
    expect(accepts(-690, 1e-300, { rule: 'metropolis' })).toBe(true);
    expect(accepts(-692, 1e-300, { rule: 'metropolis' })).toBe(false);
  });
});

async function acceptanceAt(rule: AcceptRule, ratios: Float64Array): Promise<Arrays> {
  return evaluated(({ x }) => ({ accept: logAcceptance(x!, rule), reject: logRejection(x!, rule) }), {
    x: { dims: [ratios.length], data: ratios },
  });
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
