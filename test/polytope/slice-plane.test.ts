import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { liftToStart, planeAlongAxes, planeThroughRows } from '../../activities/polytope/slice-plane.ts';

const BOX = { x0: -1, y0: -1, x1: 1, y1: 1 };

describe('a plane through three rows', () => {
  it('has an orthonormal basis and brings the rows back from their plane coordinates', () => {
    const random = randomStream(1);
    const rows = [0, 1, 2].map(() => Float64Array.from({ length: 30 }, () => random.normal()));
    const [a, b, c] = rows as [Float64Array, Float64Array, Float64Array];
    const plane = planeThroughRows([a, b, c]);
    expect(product(plane.u, plane.u)).toBeCloseTo(1, 14);
    expect(product(plane.v, plane.v)).toBeCloseTo(1, 14);
    expect(product(plane.u, plane.v)).toBeCloseTo(0, 14);
    const back = liftToStart(plane, plane.anchors);
    expect(worst(back, Float64Array.from([...a, ...b, ...c]))).toBeLessThan(1e-13);
  });

  it('keeps the right angle of two nearly parallel directions', () => {
    const { u, v } = planeThroughRows([
      [0, 0, 0],
      [1, 1, 1],
      [1, 1, 1 + 1e-7],
    ]);
    expect(Math.abs(product(u, v))).toBeLessThan(1e-15);
  });

  it('widens the bounding box of the rows by the margin', () => {
    const plane = planeThroughRows(
      [
        [0, 0],
        [4, 0],
        [1, 2],
      ],
      { margin: 0.25 },
    );
    expect(plane.box).toEqual({ x0: -1, y0: -0.5, x1: 5, y1: 2.5 });
  });

  it.each([
    {
      name: 'identical',
      rows: [
        [1, 2, 3],
        [1, 2, 3],
        [4, 5, 6],
      ],
    },
    {
      name: 'all identical',
      rows: [
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3],
      ],
    },
    {
      name: 'collinear',
      rows: [
        [0, 0, 0],
        [1, 2, 3],
        [0.3, 0.6, 0.9],
      ],
    },
  ])('rejects $name rows', ({ rows }) => {
    const [a, b, c] = rows as [number[], number[], number[]];
    expect(() => planeThroughRows([a, b, c])).toThrow(/span no plane.*Choose three rows/);
  });

  it('rejects a margin that leaves no area, rows of different size and values that are not finite', () => {
    const rows = [
      [0, 0],
      [1, 0],
      [0, 1],
    ] as const;
    expect(() => planeThroughRows(rows, { margin: -0.5 })).toThrow(/box has no area/);
    expect(() =>
      planeThroughRows([
        [0, 0],
        [1, 0],
        [0, 1, 2],
      ]),
    ).toThrow(/row 2: .*differ in size/);
    expect(() =>
      planeThroughRows([
        [0, 0],
        [1, Number.NaN],
        [0, 1],
      ]),
    ).toThrow(/row 1, value 1.*not finite/);
  });
});

describe('a plane along axes', () => {
  it('turns its axes orthonormal and puts the base at the origin', () => {
    const plane = planeAlongAxes([5, 6, 7], {
      axes: [
        [2, 0, 0],
        [1, 3, 0],
      ],
      box: BOX,
    });
    expect([...plane.u, ...plane.v]).toEqual([1, 0, 0, 0, 1, 0]);
    expect([...liftToStart(plane, [0, 0, 1, 2])]).toEqual([5, 6, 7, 6, 8, 7]);
  });

  it.each([
    { name: 'zero width', box: { ...BOX, x1: -1 } },
    { name: 'negative height', box: { ...BOX, y1: -2 } },
    { name: 'infinite', box: { ...BOX, x1: Number.POSITIVE_INFINITY } },
    { name: 'not a number', box: { ...BOX, x0: Number.NaN } },
    { name: 'an area that underflows', box: { x0: 0, y0: 0, x1: 1e-200, y1: 1e-200 } },
  ])('rejects a box of $name', ({ box }) => {
    expect(() =>
      planeAlongAxes([0, 0], {
        axes: [
          [1, 0],
          [0, 1],
        ],
        box,
      }),
    ).toThrow(/box has no area/);
  });

  it('rejects parallel and zero axes', () => {
    expect(() =>
      planeAlongAxes([0, 0], {
        axes: [
          [1, 2],
          [2, 4],
        ],
        box: BOX,
      }),
    ).toThrow(/span no plane/);
    expect(() =>
      planeAlongAxes([0, 0], {
        axes: [
          [0, 0],
          [2, 4],
        ],
        box: BOX,
      }),
    ).toThrow(/span no plane/);
  });
});

function product(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function worst(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}
