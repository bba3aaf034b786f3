// Bayesian logistic regression with independent normal priors.

import { PipelineError } from '#schemas/errors.ts';
import {
  constant,
  matmul,
  mul,
  softplus,
  square,
  sub,
  sum,
  transpose,
  type JaxArray,
} from '../../numeric/array-math.ts';
import type { TracedTarget } from './target.ts';

export interface LogisticData {
  /** `[rows, features]`, without a column for the intercept. */
  readonly features: Float64Array;
  /** `[rows]` 0 or 1. */
  readonly labels: ArrayLike<number>;
}

export interface LogisticOptions {
  /** Standard deviation of every coefficient's prior. @default 1 */
  readonly priorScale?: number;
}

/**
 * The posterior of intercept and coefficients, of features brought to mean 0 and variance 1; constants of the prior
 * are left out, log Z is not known.
 * @throws PipelineError `data-invalid` where labels are not 0 or 1, a feature is constant or not finite, or sizes
 * differ.
 */
export function logisticRegression(
  data: LogisticData,
  { priorScale = 1 }: LogisticOptions = {},
): TracedTarget {
  const rows = data.labels.length;
  const count = data.features.length / rows;
  const standard = standardised(data, count);
  const dim = count + 1;
  // x_i theta for label 1, -x_i theta for label 0: the log likelihood is -softplus of minus that.
  const signed = Float64Array.from({ length: rows * dim }, (_, at) => {
    const [row, i] = [Math.floor(at / dim), at % dim];
    return (data.labels[row] === 1 ? -1 : 1) * (i === 0 ? 1 : standard[row * count + i - 1]!);
  });
  return {
    dim,
    logDensity(z: JaxArray) {
      const losses = softplus(matmul(z, transpose(constant(signed, [rows, dim], z))));
      return sub(mul(sum(square(z), 1), -0.5 / priorScale ** 2), sum(losses, 1));
    },
  };
}

function standardised({ features, labels }: LogisticData, count: number): Float64Array {
  const rows = labels.length;
  const bad = Array.from(labels).findIndex((label) => label !== 0 && label !== 1);
  if (!Number.isInteger(count) || count < 1 || bad !== -1) {
    throw new PipelineError({
      kind: 'data-invalid',
      what: 'logistic regression takes whole rows of features and labels of 0 or 1',
      where: bad === -1 ? 'features' : `row ${bad}`,
      value: bad === -1 ? `${features.length} numbers for ${rows} labels` : String(labels[bad]),
    });
  }
  const standard = new Float64Array(features.length);
  for (let i = 0; i < count; i++) {
    const column = Float64Array.from({ length: rows }, (_, row) => features[row * count + i]!);
    const mean = column.reduce((total, value) => total + value, 0) / rows;
    const deviation = Math.sqrt(column.reduce((total, value) => total + (value - mean) ** 2, 0) / rows);
    if (!(deviation > 0 && Number.isFinite(deviation))) {
      throw new PipelineError({
        kind: 'data-invalid',
        what: 'a feature is constant or not finite',
        where: `feature ${i}`,
      });
    }
    for (let row = 0; row < rows; row++) standard[row * count + i] = (column[row]! - mean) / deviation;
  }
  return standard;
}
