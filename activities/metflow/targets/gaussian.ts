// A Gaussian with equal correlations between all coordinates: badly scaled, and known exactly.

import { PipelineError } from '#schemas/errors.ts';
import { add, mul, square, sum } from '../../numeric/array-math.ts';
import type { TracedTarget } from './target.ts';

/**
 * Variance 1, correlation rho between any two coordinates; unnormalised, log Z = log of the normalising integral.
 * @throws PipelineError `config-invalid` where rho is no correlation of that many coordinates.
 */
export function correlatedGaussian({ dim, correlation }: { dim: number; correlation: number }): TracedTarget {
  const together = 1 + (dim - 1) * correlation;
  const apart = 1 - correlation;
  if (!(Number.isInteger(dim) && dim >= 1 && together > 0 && apart > 0)) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'equal correlations lie between -1/(dim - 1) and 1',
      where: 'target.correlation',
      value: `${correlation} in ${dim} dimensions`,
    });
  }
  // The covariance has eigenvalue `together` along (1, ..., 1) and `apart` across it: its inverse is a I + b J.
  const a = 1 / apart;
  const b = (1 / together - a) / dim;
  return {
    dim,
    logZ: (dim / 2) * Math.log(2 * Math.PI) + 0.5 * (Math.log(together) + (dim - 1) * Math.log(apart)),
    logDensity: (z) => mul(add(mul(sum(square(z), 1), a), mul(square(sum(z, 1)), b)), -0.5),
    sample(rows, random) {
      const z = Float64Array.from({ length: rows * dim }, () => random.normal());
      for (let row = 0; row < rows; row++) {
        const own = z.subarray(row * dim, (row + 1) * dim);
        const mean = own.reduce((total, value) => total + value, 0) / dim;
        for (let i = 0; i < dim; i++) {
          own[i] = Math.sqrt(apart) * (own[i]! - mean) + Math.sqrt(together) * mean;
        }
      }
      return z;
    },
  };
}
