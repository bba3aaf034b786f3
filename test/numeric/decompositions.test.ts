// PCA, NMF, Bernoulli NMF and ICA against numpy and scikit-learn, and against what was planted.

import { describe, expect, it } from 'vitest';
import { bernoulliNmf } from '../../activities/numeric/bernoulli-nmf.ts';
import { fastIca } from '../../activities/numeric/ica.ts';
import type { Observations } from '../../activities/numeric/matrix.ts';
import { nmf } from '../../activities/numeric/nmf.ts';
import { pca, projectOntoComponents } from '../../activities/numeric/pca.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { symmetricEigen } from '../../activities/numeric/symmetric-eigen.ts';
import { GOLDEN, largestGap } from './statistics-golden.ts';

const observations = ({ rows, cols, data }: { rows: number; cols: number; data: readonly number[] }) => ({
  rows,
  cols,
  values: Float32Array.from(data),
});

function product(weights: Float64Array, components: Float64Array, rank: number): Float64Array {
  const cols = components.length / rank;
  return Float64Array.from({ length: (weights.length / rank) * cols }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < rank; k++) {
      sum += weights[Math.floor(i / cols) * rank + k]! * components[k * cols + (i % cols)]!;
    }
    return sum;
  });
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

const isFalling = (losses: readonly number[]): boolean =>
  losses.every((loss, i) => i === 0 || loss <= losses[i - 1]! * (1 + 1e-12));

describe('symmetricEigen', () => {
  it('agrees with numpy up to signs', () => {
    const { size, matrix, values, vectors } = GOLDEN.eigen;
    const found = symmetricEigen(Float64Array.from(matrix), size);
    expect(largestGap(found.values, values)).toBeLessThan(1e-12);
    for (let at = 0; at < vectors.length; at += size) {
      const cosine = dot(found.vectors.subarray(at, at + size), vectors.slice(at, at + size));
      expect(Math.abs(cosine)).toBeCloseTo(1, 12);
    }
  });

  it('leaves a diagonal matrix as it is, in descending order, zeros too', () => {
    const found = symmetricEigen(Float64Array.of(0, 0, 0, 0, -2, 0, 0, 0, 5), 3);
    expect([...found.values]).toEqual([5, 0, -2]);
    expect([...found.vectors]).toEqual([0, 0, 1, 1, 0, 0, 0, 1, 0]);
  });
});

/** Decaying spectrum with noise, so that components are well apart. */
function decaying(rows: number, cols: number, factors: number): Observations {
  const random = randomStream(12);
  const axes = Float64Array.from({ length: factors * cols }, random.normal);
  const values = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < factors; k++) {
      const score = random.normal() * 0.8 ** k;
      for (let j = 0; j < cols; j++) values[row * cols + j]! += score * axes[k * cols + j]!;
    }
  }
  return { values, rows, cols };
}

describe('pca', () => {
  it.each(GOLDEN.pca)('agrees with scikit-learn, signs included: $name', (golden) => {
    const x = observations(golden);
    const count = golden.variances.length;
    const found = pca(x, { components: count, seed: 1 });
    expect(found.count).toBe(count);
    expect(largestGap(found.variances, golden.variances)).toBeLessThan(1e-8);
    expect(largestGap(found.components, golden.components)).toBeLessThan(1e-5);
    expect(Math.abs(found.totalVariance / golden.total - 1)).toBeLessThan(1e-12);
    expect(largestGap(projectOntoComponents(x, found), golden.scores)).toBeLessThan(1e-4);
  });

  it('finds the same through passes over the rows as through the covariance', () => {
    // With 3 components 1200 columns are too many for a covariance, and the eigenvalues say who is right.
    const x = decaying(70, 1200, 12);
    const found = pca(x, { components: 3, seed: 5 });
    const gram = new Float64Array(70 * 70);
    for (let a = 0; a < 70; a++) {
      for (let b = 0; b < 70; b++) {
        for (let j = 0; j < 1200; j++) {
          gram[a * 70 + b]! +=
            (x.values[a * 1200 + j]! - found.mean[j]!) * (x.values[b * 1200 + j]! - found.mean[j]!);
        }
      }
    }
    const { values } = symmetricEigen(gram, 70);
    found.variances.forEach((variance, i) => {
      expect(Math.abs((variance * 69) / values[i]! - 1)).toBeLessThan(1e-9);
    });
  });

  it('gives the same bytes for a seed and nearly the same for another', () => {
    const x = decaying(200, 30, 10);
    const run = (seed: number) => pca(x, { components: 4, seed }).components;
    expect(run(3)).toEqual(run(3));
    expect(largestGap(run(3), run(4))).toBeLessThan(1e-6);
  });

  it('gives fewer components where the data have a lower rank, and none where nothing varies', () => {
    const found = pca(decaying(50, 20, 3), { components: 10, seed: 1 });
    expect(found.count).toBe(3);
    expect(found.components).toHaveLength(60);
    const still = { values: new Float32Array(40).fill(2), rows: 10, cols: 4 };
    expect(pca(still, { components: 2, seed: 1 })).toMatchObject({ count: 0, totalVariance: 0 });
    expect(() => pca({ values: new Float32Array(4), rows: 1, cols: 4 }, { components: 1, seed: 1 })).toThrow(
      RangeError,
    );
  });
});

describe('nmf', () => {
  const golden = GOLDEN.nmf;
  const x = observations(golden);
  const start = { weights: Float64Array.from(golden.w0), components: Float64Array.from(golden.h0) };

  it('takes the same steps as scikit-learn', () => {
    const { rank, iterations } = golden;
    const found = nmf(x, { rank, seed: 0, iterations, tolerance: 0, start });
    expect(found.losses).toHaveLength(iterations);
    expect(largestGap(product(found.weights, found.components, rank), golden.product)).toBeLessThan(1e-7);
    expect(Math.abs(found.losses.at(-1)! / golden.loss - 1)).toBeLessThan(1e-6);
  });

  it('never gets worse, converges, and gives unit components by descending energy', () => {
    const found = nmf(x, { rank: 3, seed: 4, iterations: 2000 });
    expect(isFalling(found.losses)).toBe(true);
    expect(found.converged).toBe(true);
    const energies = [0, 1, 2].map((k) => {
      const row = found.components.subarray(k * x.cols, (k + 1) * x.cols);
      expect(dot(row, row)).toBeCloseTo(1, 12);
      return found.weights.reduce((sum, value, i) => sum + (i % 3 === k ? value ** 2 : 0), 0);
    });
    expect(energies).toEqual(energies.toSorted((a, b) => b - a));
  });

  it('names the entry that is negative', () => {
    const values = x.values.slice();
    values[x.cols + 2] = -1;
    expect(() => nmf({ ...x, values }, { rank: 2, seed: 0 })).toThrow(/row 1, column 2.*-1/);
  });
});

describe('bernoulliNmf', () => {
  const golden = GOLDEN.bernoulli_nmf;
  const x = observations(golden);

  it('takes the steps of expectation maximisation', () => {
    const { rank, iterations } = golden;
    const start = { weights: Float64Array.from(golden.w0), components: Float64Array.from(golden.h0) };
    const found = bernoulliNmf(x, { rank, seed: 0, iterations, tolerance: 0, start });
    expect(largestGap(found.losses, golden.losses)).toBeLessThan(1e-8);
    expect(largestGap(product(found.weights, found.components, rank), golden.product)).toBeLessThan(1e-8);
  });

  it('recovers planted components', () => {
    const random = randomStream(8);
    const planted = Float64Array.from({ length: 2 * 24 }, (_, i) => (i % 24 < 12 === i < 24 ? 0.95 : 0.05));
    const values = Float32Array.from({ length: 300 * 24 }, (_, i) => {
      const kind = Math.floor(i / 24) < 200 ? 0 : 1;
      return random.uniform() < planted[kind * 24 + (i % 24)]! ? 1 : 0;
    });
    const found = bernoulliNmf({ values, rows: 300, cols: 24 }, { rank: 2, seed: 3, iterations: 500 });
    expect(isFalling(found.losses)).toBe(true);
    expect(largestGap(found.components, planted)).toBeLessThan(0.12);
    for (let row = 0; row < 300; row++) {
      const [first, second] = [found.weights[2 * row]!, found.weights[2 * row + 1]!];
      expect(first + second).toBeCloseTo(1, 12);
      expect(first > second).toBe(row < 200);
    }
  });

  it('refuses entries that are no bits', () => {
    expect(() =>
      bernoulliNmf({ values: Float32Array.of(0, 0.5), rows: 1, cols: 2 }, { rank: 1, seed: 0 }),
    ).toThrow(RangeError);
  });
});

describe('fastIca', () => {
  const golden = GOLDEN.ica;
  const x = observations(golden);
  const found = fastIca(x, { components: 3, seed: 2, tolerance: 1e-12 });
  const sources = projectOntoComponents(x, found);
  const column = (values: ArrayLike<number>, k: number) =>
    Array.from({ length: x.rows }, (_, row) => values[row * 3 + k]!);

  it('finds the sources that scikit-learn finds, up to order and sign', () => {
    expect(found.converged).toBe(true);
    const norm = (values: readonly number[]) => Math.sqrt(dot(values, values));
    for (let k = 0; k < 3; k++) {
      const own = column(sources, k);
      const cosines = [0, 1, 2].map((other) => {
        const theirs = column(golden.sources, other);
        return Math.abs(dot(own, theirs)) / norm(own) / norm(theirs);
      });
      expect(Math.max(...cosines)).toBeGreaterThan(1 - 1e-6);
    }
  });

  it('gives uncorrelated sources of variance 1, skewed to the positive side, largest first', () => {
    const explained: number[] = [];
    for (let k = 0; k < 3; k++) {
      expect(dot(column(sources, k), column(sources, k)) / (x.rows - 1)).toBeCloseTo(1, 5);
      expect(dot(column(sources, k), column(sources, (k + 1) % 3)) / x.rows).toBeCloseTo(0, 5);
      expect(column(sources, k).reduce((sum, value) => sum + value ** 3, 0)).toBeGreaterThan(0);
      const mixing = found.mixing.subarray(k * 5, k * 5 + 5);
      explained.push(dot(mixing, mixing));
    }
    expect(explained).toEqual(explained.toSorted((a, b) => b - a));
  });

  it('puts the data together again', () => {
    const rebuilt = Float64Array.from(x.values, (_, i) => {
      const row = Math.floor(i / 5);
      return [0, 1, 2].reduce(
        (sum, k) => sum + sources[row * 3 + k]! * found.mixing[k * 5 + (i % 5)]!,
        found.mean[i % 5]!,
      );
    });
    // The three planted sources are all there is, but for rounding to three decimals.
    expect(largestGap(rebuilt, x.values)).toBeLessThan(5e-3);
  });

  it('says so where it did not converge', () => {
    expect(fastIca(x, { components: 3, seed: 2, iterations: 1, tolerance: 0 })).toMatchObject({
      iterations: 1,
      converged: false,
    });
  });
});
