// The decision boundary of a slice: known lines, and the forward pass on both of its sides.

import { describe, expect, it } from 'vitest';
import { decisionBoundary } from '../../activities/polytope/decision-boundary.ts';
import { partitionSlice } from '../../activities/polytope/slice-partition.ts';
import { squareAround } from '../oracle/slice-facts.ts';
import { denseNet, type Layer, randomLayers } from '../oracle/slice-reference-net.ts';

/** Hands x and y on through two ReLUs each, so that the box is cut along the axes; then the given outputs of x and y. */
function linear(outputs: readonly (readonly [number, number, number])[]): Layer[] {
  return [
    {
      weights: [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ],
      bias: [0, 0, 0, 0],
    },
    { weights: outputs.map(([x, y]) => [x, -x, y, -y]), bias: outputs.map(([, , c]) => c) },
  ];
}

describe('the decision boundary', () => {
  it('is the line between two classes, cut at the polygons', async () => {
    // Class 0 where x + y > 0.5, in the square of side 4: from (-1.5, 2) to (2, -1.5).
    const partition = await partitionSlice(
      denseNet(
        linear([
          [1, 1, -0.5],
          [0, 0, 0],
        ]),
      ).net,
      squareAround(2),
    );
    const boundary = decisionBoundary(partition);
    expect(boundary.length).toBeCloseTo(3.5 * Math.SQRT2, 12);
    expect(boundary.count).toBe(3);
    expect([...new Set(boundary.left)]).toEqual([0]);
    expect([...new Set(boundary.right)]).toEqual([1]);
    for (let i = 0; i < boundary.count; i++) {
      const [x0, y0, x1, y1] = boundary.ends.subarray(4 * i, 4 * i + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      expect(x0 + y0).toBeCloseTo(0.5, 12);
      // The class on the left is 0: the normal to the left points to larger x + y.
      expect(-(y1 - y0) + (x1 - x0)).toBeGreaterThan(0);
    }
  });

  it('meets in a point for three classes, and finds one that wins at no corner', async () => {
    const star = [0, 1, 2].map((k): [number, number, number] => [
      Math.cos(2.1 * k + 0.2),
      Math.sin(2.1 * k + 0.2),
      0,
    ]);
    const three = decisionBoundary(await partitionSlice(denseNet(linear(star)).net, squareAround(2)));
    const pairs = new Set(Array.from(three.left, (left, i) => `${left}${three.right[i]}`));
    expect(pairs).toEqual(new Set(['01', '02', '12']));
    // A strip |x + y - 1| < 0.1 inside the quadrant x, y > 0 of class 1, between classes 0 and 2 beyond it.
    const strip: [number, number, number][] = [
      [1, 1, -1.1],
      [0, 0, 0],
      [-1, -1, 0.9],
    ];
    const found = decisionBoundary(await partitionSlice(denseNet(linear(strip)).net, squareAround(2)));
    const between = (a: number, b: number) =>
      Array.from(found.left.keys()).filter((i) => found.left[i] === a && found.right[i] === b).length;
    expect(between(0, 1)).toBeGreaterThan(0);
    expect(between(1, 2)).toBeGreaterThan(0);
    expect(between(0, 2)).toBe(0);
    expect(found.length).toBeCloseTo((4 - 1.1 + 4 - 0.9) * Math.SQRT2, 12);
  });

  it.each([1, 2, 3])('of a random net parts the classes of the forward pass (seed %i)', async (seed) => {
    const reference = denseNet(randomLayers([2, 16, 16, 5], { seed }));
    const partition = await partitionSlice(reference.net, squareAround(2));
    const boundary = decisionBoundary(partition);
    expect(boundary.count).toBeGreaterThan(5);
    const classAt = (x: number, y: number) => {
      const { outputs } = reference.forward([x, y]);
      return outputs.indexOf(Math.max(...outputs));
    };
    for (let i = 0; i < boundary.count; i++) {
      const [x0, y0, x1, y1] = boundary.ends.subarray(4 * i, 4 * i + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      const length = Math.hypot(x1 - x0, y1 - y0);
      if (length < 1e-4) continue;
      const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
      const [nx, ny] = [(-1e-7 * (y1 - y0)) / length, (1e-7 * (x1 - x0)) / length];
      expect(classAt(x + nx, y + ny)).toBe(boundary.left[i]);
      expect(classAt(x - nx, y - ny)).toBe(boundary.right[i]);
    }
  });

  it.each([1, 2])('is all there is: class changes on scan lines lie on it (seed %i)', async (seed) => {
    const reference = denseNet(randomLayers([2, 12, 12, 4], { seed }));
    const boundary = decisionBoundary(await partitionSlice(reference.net, squareAround(2)));
    for (const y of [-1.37, -0.41, 0.23, 0.91, 1.66]) {
      const onLine: number[] = [];
      for (let i = 0; i < boundary.count; i++) {
        const [x0, y0, x1, y1] = boundary.ends.subarray(4 * i, 4 * i + 4) as unknown as [
          number,
          number,
          number,
          number,
        ];
        if ((y0 - y) * (y1 - y) < 0) onLine.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
      }
      const seen: number[] = [];
      const steps = 20_000;
      let before = -1;
      for (let step = 0; step <= steps; step++) {
        const { outputs } = reference.forward([-2 + (4 * step) / steps, y]);
        const now = outputs.indexOf(Math.max(...outputs));
        if (before >= 0 && now !== before) seen.push(-2 + (4 * (step - 0.5)) / steps);
        before = now;
      }
      expect(onLine.length).toBe(seen.length);
      onLine
        .sort((a, b) => a - b)
        .forEach((x, i) => {
          expect(Math.abs(x - seen[i]!)).toBeLessThan(4 / steps);
        });
    }
  });
});
