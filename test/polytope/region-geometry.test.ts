import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { regionGeometry } from '../../activities/polytope/region-geometry.ts';

describe('regionGeometry', () => {
  // Codes 10, 11, 10, 10, 00.
  const pre = Float32Array.of(1, -1, 2, 3, 2, 0, 3, -4, -1, -1);
  const layer = {
    rows: 5,
    units: 2,
    pre,
    activations: pre.map((z) => Math.max(z, 0)),
    labels: Int32Array.of(0, 1, 0, 1, -1),
    rowNorms: Float64Array.of(2, 0.5),
  };
  const [large, second, third] = regionGeometry(layer);

  it('puts points with one code together, large regions first', () => {
    expect([large, second, third].map((region) => region!.members)).toEqual([[0, 2, 3], [1], [4]]);
    expect([large, second, third].map((region) => [...region!.words])).toEqual([[0b01], [0b11], [0b00]]);
  });

  it('has the mean activation and its mean variance', () => {
    expect([...large!.centroid]).toEqual([2, 0]);
    // Variance 2/3 of 1, 2, 3 and 0 of the unit that is off, over two units.
    expect(large!.varianceMean).toBeCloseTo(1 / 3, 12);
    expect(second!.varianceMean).toBe(0);
  });

  it('counts neighbours in one bit', () => {
    expect([large, second, third].map((region) => region!.neighbours)).toEqual([2, 1, 1]);
  });

  it('has the spread of labels; none where no point has one', () => {
    expect(large!.purity).toBeCloseTo(2 / 3, 12);
    expect(large!.entropyBits).toBeCloseTo(-(2 / 3) * Math.log2(2 / 3) - (1 / 3) * Math.log2(1 / 3), 12);
    expect([third!.purity, third!.entropyBits]).toEqual([null, null]);
    expect([...large!.classes]).toEqual([
      [0, 2],
      [1, 1],
    ]);
    expect([...third!.classes]).toEqual([]);
    expect(regionGeometry({ ...layer, labels: null })[0]!.purity).toBeNull();
  });

  it('has the least distance of its points to a boundary; units without a gradient have none', () => {
    // Distances |z| / norm of the members of the first: (1/2, 2), (1, 0) and (3/2, 8).
    expect(large!.boundaryDistance).toBe(0);
    expect(second!.boundaryDistance).toBe(1);
    expect(third!.boundaryDistance).toBe(0.5);
    const flat = { ...layer, rowNorms: Float64Array.of(0, 0) };
    expect(regionGeometry(flat)[0]!.boundaryDistance).toBeNull();
    expect(regionGeometry({ ...layer, rowNorms: null })[0]!.boundaryDistance).toBeNull();
  });
});

/** Any three of them are independent. */
const NORMALS = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
  [1, 1, 1],
  [1, -1, 2],
];

describe('planes in general position in three dimensions', () => {
  // Regions: sum of C(n, i) up to i = 3, or 2 sum of C(n - 1, i) up to 2 where all pass through one point. A pair of
  // neighbours is a facet, a region of the lines in which the others meet its plane.
  it.each([
    { planes: 5, through: 'no common point', regions: 26, facets: 5 * 11 },
    { planes: 4, through: 'no common point', regions: 15, facets: 4 * 7 },
    { planes: 2, through: 'no common point', regions: 4, facets: 2 * 2 },
    { planes: 4, through: 'one point', regions: 14, facets: 4 * 6 },
    { planes: 5, through: 'one point', regions: 22, facets: 5 * 8 },
  ])('$planes through $through: $regions regions, $facets facets', ({ planes, through, regions, facets }) => {
    const random = randomStream(6, planes);
    const normals = NORMALS.slice(0, planes);
    const offsets = through === 'one point' ? [0, 0, 0, 0, 0] : [0, 0, 0, -1, -0.5];
    const rows = 60_000;
    const pre = new Float32Array(rows * planes);
    for (let row = 0; row < rows; row++) {
      // Points of all sizes: some regions are small, others lie far out.
      const scale = 10 ** (4 * random.uniform() - 2);
      const point = [scale * random.normal(), scale * random.normal(), scale * random.normal()];
      normals.forEach((normal, unit) => {
        pre[row * planes + unit] = normal.reduce((sum, w, i) => sum + w * point[i]!, offsets[unit]!);
      });
    }
    const found = regionGeometry({
      rows,
      units: planes,
      pre,
      activations: pre,
      labels: null,
      rowNorms: null,
    });
    expect(found.length).toBe(regions);
    expect(found.reduce((sum, { neighbours }) => sum + neighbours, 0)).toBe(2 * facets);
  });
});
