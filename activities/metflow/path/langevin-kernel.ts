// Langevin steps with learned step sizes: z' = z + h G(z) + sqrt(2 h) u, G the gradient of the log density. With u frozen
// it is a map of z, whose determinant needs the Hessian: for few dimensions only.

import { grad, jvp } from '@jax-js/jax';
import { PipelineError } from '#schemas/errors.ts';
import {
  add,
  both,
  concatenate,
  constant,
  div,
  exp,
  filled,
  less,
  log,
  mul,
  reshape,
  split,
  sqrt,
  square,
  sub,
  sum,
  where,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { constantInit } from '../parameters.ts';
import type { Density, PathKernel } from './path-kernel.ts';

/** The elimination is unrolled, dimension by dimension. */
const MOST_DIMENSIONS = 50;

/**
 * The map is invertible where I + diag(h) H is positive definite for all z; where a row finds it is not, its proposal
 * counts as broken and is rejected.
 * @throws PipelineError `config-invalid` for more than 50 dimensions.
 * @see Roberts and Tweedie, "Exponential convergence of Langevin distributions", 1996.
 */
export function langevinKernel({
  dim,
  stepSize,
}: {
  readonly dim: number;
  readonly stepSize: number;
}): PathKernel {
  if (dim > MOST_DIMENSIONS) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: `a trained mala kernel has at most ${MOST_DIMENSIONS} dimensions: it needs a determinant`,
      where: 'kernels',
      value: String(dim),
      remedy: 'Train hmc instead.',
    });
  }
  return {
    name: 'mala',
    usesInnovation: true,
    usesMomentum: false,
    parameters: [{ name: 'logStep', dims: [dim], initial: constantInit(Math.log(stepSize)) }],
    propose({ logStep }, at, { u }, density) {
      const h = exp(logStep!);
      const spread = sqrt(mul(h, 2));
      const slope = slopeOf(density);
      const z = add(add(at.z, mul(h, slope(at.z))), mul(spread, u!));
      const logDensity = density(z);
      const back = div(sub(sub(at.z, z), mul(h, slope(z))), spread);
      const change = sub(logDensity, at.logDensity);
      const logRatio = add(change, mul(sub(sum(square(u!), 1), sum(square(back), 1)), 0.5));
      const { logDet, invertible } = logDeterminant(jacobian(slope, at.z, h));
      return {
        moved: { ...at, z, logDensity },
        stayed: at,
        logRatio: where(invertible, logRatio, Number.NaN),
        logDet,
        commonLogDet: null,
      };
    },
    retrace: null,
  };
}

function slopeOf(density: Density): (z: JaxArray) => JaxArray {
  const slope = grad(((z: JaxArray) => sum(density(z))) as never) as unknown as (z: JaxArray) => JaxArray;
  return (z) => slope(z.ref);
}

/** `[rows, dim, dim]` of I + diag(h) H, a column for each direction. */
function jacobian(slope: (z: JaxArray) => JaxArray, z: JaxArray, h: JaxArray): JaxArray {
  const [rows, dim] = z.shape as [number, number];
  const columns = Array.from({ length: dim }, (_, j) => {
    const unit = constant(
      Array.from({ length: dim }, (_, i) => (i === j ? 1 : 0)),
      [1, dim],
      z,
    );
    const along = add(filled(0, [rows, dim], z), unit);
    const [, curvature] = jvp(slope as never, [z.ref] as never, [along] as never) as unknown as JaxArray[];
    return reshape(add(unit, mul(h, curvature!)), [rows, dim, 1]);
  });
  return concatenate(columns, 2);
}

/** `[rows]` log determinants by elimination, and whether all pivots are above 0; the log is 0 where they are not. */
function logDeterminant(matrix: JaxArray): { readonly logDet: JaxArray; readonly invertible: JaxArray } {
  const [rows, dim] = matrix.shape as [number, number, number];
  let rest = matrix;
  let logDet = filled(0, [rows], matrix);
  let invertible = less(logDet, 1);
  for (let size = dim; size >= 1; size--) {
    const [top, below] = size === 1 ? [rest, null] : split(rest, [1, size - 1], 1);
    const [corner, right] = size === 1 ? [top!, null] : split(top!, [1, size - 1], 2);
    const pivot = reshape(corner!, [rows]);
    const positive = less(0, pivot);
    invertible = both(invertible, positive);
    logDet = add(logDet, log(where(positive, pivot, 1)));
    if (below === null) break;
    const [left, inner] = split(below!, [1, size - 1], 2);
    rest = sub(inner!, div(mul(left!, right!), where(less(0, corner!), corner!, 1)));
  }
  return { logDet: where(invertible, logDet, 0), invertible };
}
