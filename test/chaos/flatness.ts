// Whether a quantity stays flat over time: the slope of its regression line with an interval.

import { studentQuantile } from '../../activities/numeric/student-distribution.ts';

export interface Trend {
  readonly mean: number;
  /** Change per hour. */
  readonly slope: number;
  /** 95 % interval of the slope: errors are taken as independent, which samples minutes apart nearly are. */
  readonly low: number;
  readonly high: number;
}

/**
 * Least squares over samples `[hours, value]`.
 * @throws Error with fewer than three samples.
 */
export function trendOf(samples: readonly (readonly [hours: number, value: number])[]): Trend {
  const n = samples.length;
  if (n < 3) throw new Error(`${n} samples have no trend`);
  const meanHours = samples.reduce((sum, [hours]) => sum + hours, 0) / n;
  const mean = samples.reduce((sum, [, value]) => sum + value, 0) / n;
  const spread = samples.reduce((sum, [hours]) => sum + (hours - meanHours) ** 2, 0);
  const slope =
    samples.reduce((sum, [hours, value]) => sum + (hours - meanHours) * (value - mean), 0) / spread;
  const residual = samples.reduce(
    (sum, [hours, value]) => sum + (value - mean - slope * (hours - meanHours)) ** 2,
    0,
  );
  const half = studentQuantile(0.05, n - 2) * Math.sqrt(residual / (n - 2) / spread);
  return { mean, slope, low: slope - half, high: slope + half };
}

/** True unless it surely grows, and by more than `share` of its mean over so many hours. */
export function isFlat(
  { mean, slope, low }: Trend,
  { hours, share }: { hours: number; share: number },
): boolean {
  return low <= 0 || slope * hours <= share * mean;
}
