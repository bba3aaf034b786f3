// A funnel: the scale of all other coordinates depends exponentially on the first.

import { PipelineError } from '#schemas/errors.ts';
import { add, column, columns, exp, mul, square, sum } from '../../numeric/array-math.ts';
import type { TracedTarget } from './target.ts';

/**
 * z1 ~ N(0, 1), the others N(0, e^{2 z1}): -z1^2 / 2 - e^{-2 z1} sum z_i^2 / 2 - (dim - 1) z1.
 * @throws PipelineError `config-invalid` below 2 dimensions.
 * @see Neal, "Slice sampling", 2003, section 8, with standard deviation e^{z1} instead of e^{z1 / 2}.
 */
export function funnel({ dim }: { dim: number }): TracedTarget {
  if (!(Number.isInteger(dim) && dim >= 2)) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'a funnel has at least 2 dimensions',
      where: 'target.dim',
      value: String(dim),
    });
  }
  return {
    dim,
    logZ: (dim / 2) * Math.log(2 * Math.PI),
    logDensity(z) {
      const neck = column(z, 0);
      const spread = mul(exp(mul(neck, -2)), sum(square(columns(z, 1, dim)), 1));
      return add(mul(add(square(neck), spread), -0.5), mul(neck, 1 - dim));
    },
    sample(rows, random) {
      const z = new Float64Array(rows * dim);
      for (let row = 0; row < rows; row++) {
        const neck = random.normal();
        z[row * dim] = neck;
        for (let i = 1; i < dim; i++) z[row * dim + i] = Math.exp(neck) * random.normal();
      }
      return z;
    },
  };
}
