// Slices against the plain forward pass, and planes to take them in.

import { expect } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { applyMap } from '../../activities/polytope/affine-map.ts';
import { planeThroughRows, type SlicePlane } from '../../activities/polytope/slice-plane.ts';
import { polygonMap, type SlicePartition } from '../../activities/polytope/slice-polygons.ts';
import { codeText, middleOf, pointIn } from '../oracle/slice-facts.ts';
import { codeWords, type ReferenceNet } from '../oracle/slice-reference-net.ts';

/** Codes, classes and maps of all polygons against the plain forward pass at random points inside them. */
export function expectForward(
  partition: SlicePartition,
  { forward }: ReferenceNet,
  lift: (x: number, y: number) => ArrayLike<number>,
): void {
  const random = randomStream(17);
  let worst = 0;
  const wrong: number[] = [];
  for (let polygon = 0; polygon < partition.polygons.count; polygon++) {
    const middle = forward(lift(...middleOf(partition, polygon)));
    if (codeWords(middle.bits).join() !== codeText(partition, polygon)) wrong.push(polygon);
    const map = polygonMap(partition, polygon);
    for (let i = 0; i < 2; i++) {
      const [x, y] = pointIn(partition, polygon, random);
      const { outputs } = forward(lift(x, y));
      for (const [k, value] of applyMap(map, x, y).entries())
        worst = Math.max(worst, Math.abs(value - outputs[k]!));
    }
  }
  expect(wrong).toEqual([]);
  expect(worst).toBeLessThan(1e-10);
}

/** A plane through three random rows. */
export function anchorPlane(size: number, scale: number, margin = 0.25): SlicePlane {
  const random = randomStream(99, size);
  const row = () => Float64Array.from({ length: size }, () => scale * random.normal());
  return planeThroughRows([row(), row(), row()], { margin });
}
