// Oracles: the product of weights and slopes, written out, for dense nets; central differences within one region for a net
// with convolutions, a max-pool and a residual branch.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { attackMargin, margin, marginGradients } from '../../activities/polytope/margin-attack.ts';
import { PullBack } from '../../activities/polytope/pull-back.ts';
import { pushForward } from '../../activities/polytope/push-forward.ts';
import {
  convNet,
  type DenseLayer,
  denseNet,
  randomLayers,
  type ReferenceNet,
} from '../oracle/piecewise-reference.ts';

const draw = (size: number, seed: number) => {
  const random = randomStream(seed, 7);
  return Float64Array.from({ length: size }, random.normal);
};

/** `[outputs][inputs]` as the product of the layers' weights and the slopes at a point. */
function jacobian(
  layers: readonly DenseLayer[],
  point: Float64Array,
  top = Number.POSITIVE_INFINITY,
): number[][] {
  let values = Array.from(point);
  let rows: number[][] = values.map((_, i) => values.map((_, j) => (i === j ? 1 : 0)));
  layers.forEach(({ weights, bias, negativeSlopes }, index) => {
    rows = weights.map((row) => rows[0]!.map((_, j) => row.reduce((sum, w, i) => sum + w * rows[i]![j]!, 0)));
    values = weights.map((row, out) => row.reduce((sum, w, i) => sum + w * values[i]!, bias[out]!));
    if (index === layers.length - 1) return;
    const slopes = values.map((z, i) => (z > 0 ? (z < top ? 1 : 0) : (negativeSlopes?.[i] ?? 0)));
    rows = rows.map((row, i) => row.map((value) => value * slopes[i]!));
    values = values.map((z, i) => (z > 0 ? Math.min(z, top) : (negativeSlopes?.[i] ?? 0) * z));
  });
  return rows;
}

const apply = (rows: number[][], vector: Float64Array) =>
  rows.map((row) => row.reduce((sum, value, i) => sum + value * vector[i]!, 0));

function central(net: ReferenceNet, point: Float64Array, direction: Float64Array): Float64Array {
  const h = 1e-6;
  const at = (step: number) => net.forward(point.map((x, i) => x + step * direction[i]!)).at(-1)!;
  const [ahead, behind] = [at(h), at(-h)];
  return ahead.map((value, k) => (value - behind[k]!) / (2 * h));
}

const layersOf = (seed: number, negativeSlope = 0) =>
  randomLayers([5, 12, 10, 9, 4], randomStream(seed), { negativeSlope });

describe('pushForward', () => {
  it.each([0, 0.2])('is the product of weights and slopes (slope %s below zero)', async (slope) => {
    for (let seed = 0; seed < 10; seed++) {
      const layers = layersOf(seed, slope);
      const [point, direction] = [draw(5, seed), draw(5, 100 + seed)];
      for (const shortcut of [true, false]) {
        const pushed = await pushForward(denseNet(layers, { shortcut }), point, direction);
        apply(jacobian(layers, point), direction).forEach((value, k) => {
          expect(pushed[k]).toBeCloseTo(value, 11);
        });
      }
    }
  });

  it('knows the upper bend of Clip', async () => {
    const layers = layersOf(3);
    const point = draw(5, 3).map((x) => 2 * x);
    const direction = draw(5, 4);
    const net = denseNet(layers, { bends: [0, 0.8] });
    const pushed = await pushForward(net, point, direction);
    apply(jacobian(layers, point, 0.8), direction).forEach((value, k) => {
      expect(pushed[k]).toBeCloseTo(value, 11);
    });
  });

  it('stays exact a hair from a boundary, where differences of the net itself would pass it', async () => {
    const layers: DenseLayer[] = [
      { weights: [[1], [-1]], bias: [0, 0] },
      { weights: [[3, 5]], bias: [7] },
    ];
    const pushed = await pushForward(denseNet(layers), Float64Array.of(1e-14, -1e-14), Float64Array.of(1, 1));
    expect([...pushed]).toEqual([3, -5]);
  });

  it.each(['behind-relu', 'before-relu'] as const)(
    'follows pools %s, convolutions and a residual branch',
    async (pool) => {
      for (let seed = 0; seed < 6; seed++) {
        const net = convNet(randomStream(seed), pool);
        const [point, direction] = [draw(36, seed), draw(36, 50 + seed)];
        const pushed = await pushForward(net, point, direction);
        central(net, point, direction).forEach((value, k) => {
          expect(pushed[k]).toBeCloseTo(value, 7);
        });
      }
    },
  );
});

describe('PullBack', () => {
  it.each([0, 0.2])(
    'gives rows of the same product (slope %s below zero), backwards and along axes',
    async (slope) => {
      const layers = layersOf(11, slope);
      const points = Float64Array.of(...draw(5, 1), ...draw(5, 2));
      const covector = draw(4, 9);
      for (const shortcut of [true, false]) {
        const { gradients, outputs } = await new PullBack(denseNet(layers, { shortcut })).at(
          points,
          () => covector,
        );
        expect(outputs.length).toBe(8);
        for (const point of [0, 1]) {
          const rows = jacobian(layers, points.subarray(5 * point, 5 * point + 5));
          for (let i = 0; i < 5; i++) {
            const value = rows.reduce((sum, row, k) => sum + covector[k]! * row[i]!, 0);
            expect(gradients[5 * point + i]).toBeCloseTo(value, 11);
          }
        }
      }
    },
  );

  it('gives the gradient of a net with pools', async () => {
    const net = convNet(randomStream(5));
    const point = draw(36, 5);
    const { gradients } = await new PullBack(net).at(point, () => Float64Array.of(1, -1, 0));
    for (const axis of [0, 7, 20, 35]) {
      const unit = new Float64Array(36);
      unit[axis] = 1;
      const slope = central(net, point, unit);
      expect(gradients[axis]).toBeCloseTo(slope[0]! - slope[1]!, 7);
    }
  });
});

describe('the margin', () => {
  const net = denseNet(layersOf(21));
  const logitsAt = (point: Float64Array) => net.forward(point).at(-1)!;
  const points = Float64Array.from({ length: 20 * 5 }, (_, i) => draw(100, 3)[i]!);
  const rowOf = (all: Float64Array, row: number) => all.subarray(5 * row, 5 * row + 5);
  const targets = Int32Array.from({ length: 20 }, (_, row) => {
    const logits = logitsAt(rowOf(points, row));
    return logits.indexOf(Math.max(...logits));
  });

  it('is the target logit less the largest other one', () => {
    expect(margin([3, 5, 1], 1)).toBe(2);
    expect(margin([3, 5, 1], 0)).toBe(-2);
  });

  it('has a gradient along which it grows at the rate of its square norm', async () => {
    const gradients = await marginGradients(new PullBack(net), points, targets);
    for (let row = 0; row < 20; row++) {
      const [point, gradient] = [rowOf(points, row), rowOf(gradients, row)];
      const h = 1e-7;
      const moved = point.map((x, i) => x + h * gradient[i]!);
      const rate = (margin(logitsAt(moved), targets[row]!) - margin(logitsAt(point), targets[row]!)) / h;
      const squares = gradient.reduce((sum, g) => sum + g * g, 0);
      expect(rate).toBeCloseTo(squares, 4);
    }
  });

  it('falls under attack, within the box and twice as far as under random signs at least', async () => {
    const options = {
      epsilon: 0.1,
      step: 0.025,
      steps: 10,
      random: (point: number) => randomStream(1, point),
    };
    const moved = await attackMargin(new PullBack(net), { points, targets }, options);
    const fall = { attack: 0, signs: 0 };
    for (let row = 0; row < 20; row++) {
      const [from, to] = [rowOf(points, row), rowOf(moved, row)];
      for (let i = 0; i < 5; i++) expect(Math.abs(to[i]! - from[i]!)).toBeLessThanOrEqual(0.1 + 1e-15);
      expect(margin(logitsAt(to), targets[row]!)).toBeLessThan(margin(logitsAt(from), targets[row]!));
      const signs = draw(5, 300 + row).map((x, i) => from[i]! + 0.1 * Math.sign(x));
      const start = margin(logitsAt(from), targets[row]!);
      fall.attack += start - margin(logitsAt(to), targets[row]!);
      fall.signs += Math.max(0, start - margin(logitsAt(signs), targets[row]!));
    }
    expect(fall.attack).toBeGreaterThan(2 * fall.signs);
  });
});
