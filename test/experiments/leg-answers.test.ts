import { describe, expect, it } from 'vitest';
import { exactAnswers, sampledAnswers } from '../../activities/experiments/leg-answers.ts';
import { argmax } from '../../activities/experiments/path-answers.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { crossingsOnCurves, curveBetween, pointAt } from '../../activities/polytope/polyline.ts';
import { denseNet, randomLayers } from '../oracle/piecewise-reference.ts';

const random = randomStream(15);
const net = denseNet(randomLayers([3, 16, 5], random));
const point = () => Float64Array.from({ length: 3 }, () => 6 * random.normal());
const curves = (['lerp', 'slerp'] as const).flatMap((kind) =>
  Array.from({ length: 6 }, () => curveBetween(point(), point(), { kind, samples: 40 })),
);

/** The same net where only single points can be asked for. */
const sampled = {
  start: net.start,
  taps: net.taps,
  outputs: net.outputs,
  async evaluate(values: Float64Array, points: number) {
    const rows = Array.from(
      { length: points },
      (_, i) => net.forward(values.subarray(3 * i, 3 * i + 3)).at(-1)!,
    );
    return { pre: [], outputs: Float32Array.from(rows.flatMap((row) => [...row])) };
  },
  async close() {},
};

describe('answers along a leg', () => {
  it('are those of the net at every place, ascending, with the class behind each change', async () => {
    const found = await crossingsOnCurves(net, curves, { outputs: 'at-breakpoints' });
    let seen = 0;
    found.forEach((report, i) => {
      const { answers, changes } = exactAnswers(report, 5, 20);
      expect(answers.filter(({ changesTo }) => changesTo === null).map(({ t }) => t)).toEqual(
        Array.from({ length: 21 }, (_, step) => step / 20),
      );
      expect(answers.map(({ t }) => t)).toEqual(answers.map(({ t }) => t).sort((a, b) => a - b));
      for (const { t, logits } of answers) {
        const expected = net.forward(pointAt(curves[i]!, t)).at(-1)!;
        expect(Math.max(...expected.map((value, k) => Math.abs(value - logits[k]!)))).toBeLessThan(1e-9);
      }
      seen += changes.length;
      for (const t of changes) {
        const [before, behind] = [t - 1e-7, t + 1e-7].map((at) =>
          argmax(net.forward(pointAt(curves[i]!, at)).at(-1)!),
        );
        expect(before).not.toBe(behind);
        expect(answers.find((answer) => answer.changesTo !== null && answer.t === t)!.changesTo).toBe(behind);
      }
    });
    expect(seen).toBeGreaterThan(5);
  });

  it('change where bisection says, when points are all there is', async () => {
    const found = await crossingsOnCurves(net, curves, { outputs: 'at-breakpoints' });
    let compared = 0;
    for (const [i, curve] of curves.entries()) {
      const exact = exactAnswers(found[i]!, 5, 400).changes;
      const bisected = (await sampledAnswers(sampled, curve, 400)).changes;
      expect(bisected).toHaveLength(exact.length);
      bisected.forEach((t, change) => {
        expect(Math.abs(t - exact[change]!)).toBeLessThan(2e-6);
        compared++;
      });
    }
    expect(compared).toBeGreaterThan(5);
  });
});
