import { describe, expect, it } from 'vitest';
import { Directions } from '../../activities/polytope/directions.ts';

// Two classes along the first axis, a little spread along the second, none along the third.
const reference = {
  values: Float32Array.of(-2, 0.1, 5, -2, -0.1, 5, 2, 0.1, 5, 2, -0.1, 5),
  rows: 4,
  size: 3,
  labels: Int32Array.of(0, 0, 1, 1),
};
const wanted = { index: 0, point: Float64Array.of(1, 0, 5), label: 1 };

describe('Directions', () => {
  const directions = new Directions(reference, 1);

  it('point from the mean of all to the mean of a class', () => {
    const found = directions.of('class_mean', wanted)!;
    expect(found.name).toBe('class_mean:1');
    expect([...found.vector]).toEqual([1, 0, 0]);
    // Sample standard deviation of -2, -2, 2, 2.
    expect(found.deviation).toBeCloseTo(Math.sqrt(16 / 3), 12);
  });

  it('have no class mean without a label', () => {
    expect(directions.of('class_mean', { ...wanted, label: -1 })).toBeNull();
    expect(new Directions({ ...reference, labels: null }, 1).of('class_mean', wanted)).toBeNull();
  });

  it('follow principal components by variance', () => {
    expect(directions.of('pca', wanted)!.vector[0]).toBeCloseTo(1, 9);
    expect(Math.abs(directions.of('pca', { ...wanted, index: 1 })!.vector[1]!)).toBeCloseTo(1, 9);
  });

  it('follow the non-negative parts that points are made of', () => {
    // Multiples of (3, 4, 0) and of (0, 0, 1), never mixed; a third part has nothing to explain.
    const values = Float32Array.of(3, 4, 0, 6, 8, 0, 0, 0, 5, 0, 0, 9, 0, 0, 4, 9, 12, 0);
    const parts = new Directions({ values, rows: 6, size: 3, labels: null }, 1);
    const found = [0, 1].map((index) => parts.of('nmf', { ...wanted, index })!);
    expect(found.map(({ name }) => name)).toEqual(['nmf:0', 'nmf:1']);
    const along = ({ vector }: { vector: Float64Array }) => [0.6 * vector[0]! + 0.8 * vector[1]!, vector[2]!];
    const cosines = found.map(along);
    for (const pair of cosines) expect(Math.max(...pair)).toBeGreaterThan(0.97);
    expect(parts.of('nmf', { ...wanted, index: 3 })!.name).toBe('nmf:0');
  });

  it('take only neurons that are on at the point and vary over the reference', () => {
    for (let index = 0; index < 20; index++) {
      const found = directions.of('neuron', { ...wanted, index });
      // Neuron 1 is off, neuron 2 never varies.
      if (found !== null) expect(found.name).toBe('neuron:0');
    }
    expect(directions.of('neuron', { ...wanted, point: new Float64Array(3) })).toBeNull();
  });

  it('are unit vectors, the same for the same case, others for other cases', () => {
    const [first, again, other] = [0, 0, 1].map((index) => directions.of('random', { ...wanted, index })!);
    expect(Math.hypot(...first!.vector)).toBeCloseTo(1, 14);
    expect([...again!.vector]).toEqual([...first!.vector]);
    expect([...other!.vector]).not.toEqual([...first!.vector]);
  });
});
