// Answers of numpy, scipy and scikit-learn, made by test/golden/statistics/make_statistics.py.

import { readFileSync } from 'node:fs';

interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: readonly number[];
}

interface AgreementCase {
  readonly name: string;
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly nmi: number;
  readonly ami: number;
  readonly ari: number;
}

interface FactorCase extends Matrix {
  readonly rank: number;
  readonly iterations: number;
  readonly w0: readonly number[];
  readonly h0: readonly number[];
  readonly product: readonly number[];
}

interface StatisticsGolden {
  readonly normal_cdf: { readonly z: readonly number[]; readonly cdf: readonly number[] };
  readonly quantiles: Readonly<Record<'values' | 'shares' | 'quantiles', readonly number[]>>;
  readonly wilcoxon: readonly {
    readonly name: string;
    readonly differences: readonly number[];
    readonly method: 'exact' | 'normal';
    readonly statistic: number;
    readonly p: number;
  }[];
  readonly spearman: readonly {
    readonly name: string;
    readonly x: readonly number[];
    readonly y: readonly number[];
    readonly rho: number;
  }[];
  readonly agreement: readonly AgreementCase[];
  readonly agreement_weighted: AgreementCase & { readonly weights: readonly number[] };
  readonly eigen: { readonly size: number } & Readonly<
    Record<'matrix' | 'values' | 'vectors', readonly number[]>
  >;
  readonly pca: readonly (Matrix & {
    readonly name: string;
    readonly components: readonly number[];
    readonly variances: readonly number[];
    readonly total: number;
    readonly scores: readonly number[];
  })[];
  readonly nmf: FactorCase & { readonly loss: number };
  readonly bernoulli_nmf: FactorCase & { readonly losses: readonly number[] };
  readonly ica: Matrix & { readonly sources: readonly number[] };
}

export const GOLDEN: StatisticsGolden = JSON.parse(
  readFileSync(new URL('../golden/statistics/statistics.json', import.meta.url), 'utf8'),
);

/** Largest difference of entries that belong together; infinite where the lengths differ. */
export function largestGap(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  return Array.from(found).reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
}
