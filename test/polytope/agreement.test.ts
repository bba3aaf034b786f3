import { describe, expect, it } from 'vitest';
import { agreement, clusteringAgreement } from '../../activities/polytope/agreement.ts';
import { GOLDEN } from '../numeric/statistics-golden.ts';

describe('agreement', () => {
  it.each(GOLDEN.agreement)('agrees with scikit-learn: $name', ({ a, b, nmi, ami, ari }) => {
    const found = agreement(Int32Array.from(a), Int32Array.from(b));
    expect(Math.abs(found.nmi - nmi)).toBeLessThan(1e-10);
    expect(Math.abs(found.ami - ami)).toBeLessThan(1e-10);
    expect(Math.abs(found.ari - ari)).toBeLessThan(1e-10);
  });

  it('counts a point as often as its weight says', () => {
    const { a, b, weights, nmi, ami, ari } = GOLDEN.agreement_weighted;
    const found = agreement(Int32Array.from(a), Int32Array.from(b), Int32Array.from(weights));
    expect(Math.abs(found.nmi - nmi)).toBeLessThan(1e-10);
    expect(Math.abs(found.ami - ami)).toBeLessThan(1e-10);
    expect(Math.abs(found.ari - ari)).toBeLessThan(1e-10);
  });

  it('refuses labelings of different lengths and of no point', () => {
    expect(() => agreement(Int32Array.of(1), Int32Array.of(1, 2))).toThrow(RangeError);
    expect(() => agreement(new Int32Array(0), new Int32Array(0))).toThrow(RangeError);
  });
});

describe('clusteringAgreement', () => {
  const labels = Int32Array.of(0, 0, 1, 1, 2, 2, -1, -1);

  it('scores clusters without noise, and with noise as one more cluster', () => {
    const found = clusteringAgreement(labels, Int32Array.of(5, 5, 3, 3, -1, -1, 5, 8));
    expect(found).toMatchObject({ clusters: 3, coverage: 4 / 6 });
    expect(found.nonNoise).toEqual({ nmi: 1, ami: 1, ari: 1 });
    expect(found.noiseAsCluster!.ari).toBeCloseTo(1, 12);
    const mixed = clusteringAgreement(labels, Int32Array.of(5, -1, 3, 3, 3, -1, 0, 0));
    expect(mixed.noiseAsCluster).toEqual(
      agreement(Int32Array.of(0, 0, 1, 1, 2, 2), Int32Array.of(5, -1, 3, 3, 3, -1)),
    );
  });

  it('has nothing to say where all is noise or nothing is labelled', () => {
    const noise = new Int32Array(8).fill(-1);
    expect(clusteringAgreement(labels, noise)).toMatchObject({ clusters: 0, coverage: 0, nonNoise: null });
    expect(clusteringAgreement(noise, labels)).toMatchObject({ nonNoise: null, noiseAsCluster: null });
    expect(() => clusteringAgreement(labels, noise.subarray(1))).toThrow(RangeError);
  });
});
