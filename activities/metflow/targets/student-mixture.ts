// Mixtures of spherical Student distributions at vertices of a cube: several modes with heavy tails.

import { PipelineError } from '#schemas/errors.ts';
import {
  add,
  concatenate,
  constant,
  log,
  logSumExp,
  mul,
  reshape,
  square,
  sub,
  sum,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { chiSquareDraw } from '../../numeric/chi-square-draw.ts';
import { logGamma } from '../../numeric/gamma-distribution.ts';
import type { RandomStream } from '../../numeric/rng.ts';
import { cubeVertices } from './gaussian-mixture.ts';
import type { TracedTarget } from './target.ts';

export interface StudentMixtureOptions {
  readonly dim: number;
  readonly modes: number;
  /** Modes lie at vertices of {-half, half}^dim. */
  readonly half: number;
  /** Degrees of freedom, above 2. */
  readonly freedom: number;
}

/** Normalised: log Z is 0. @throws PipelineError `config-invalid` where an option is out of range. */
export function studentMixture(
  { dim, modes, half, freedom }: StudentMixtureOptions,
  random: RandomStream,
): TracedTarget {
  if (!(freedom > 2)) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'degrees of freedom are above 2, so that there is a variance',
      where: 'target.freedom',
      value: String(freedom),
    });
  }
  const gaussian = cubeVertices({ dim, modes, half }, random).modes!;
  const { centres, weights } = gaussian;
  const logConstant =
    logGamma((freedom + dim) / 2) -
    logGamma(freedom / 2) -
    (dim / 2) * Math.log(freedom * Math.PI) -
    Math.log(modes);
  return {
    dim,
    logZ: 0,
    modes: { centres, weights, scales: new Float64Array(modes).fill(Math.sqrt(freedom / (freedom - 2))) },
    logDensity(z) {
      const one = (mode: number): JaxArray => {
        const centre = constant(centres.subarray(mode * dim, (mode + 1) * dim), [dim], z);
        const squared = sum(square(sub(z, centre)), 1);
        return reshape(mul(log(add(mul(squared, 1 / freedom), 1)), -(freedom + dim) / 2), [z.shape[0]!, 1]);
      };
      const all = concatenate(
        Array.from({ length: modes }, (_, mode) => one(mode)),
        1,
      );
      return add(logSumExp(all, 1), logConstant);
    },
    sample: (rows, stream) => sampleStudents(rows, stream, { dim, modes, centres, freedom }),
  };
}

function sampleStudents(
  rows: number,
  random: RandomStream,
  { dim, modes, centres, freedom }: { dim: number; modes: number; centres: Float64Array; freedom: number },
): Float64Array {
  const z = new Float64Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const mode = random.below(modes);
    const scale = Math.sqrt(freedom / chiSquareDraw(random, freedom));
    for (let i = 0; i < dim; i++) z[row * dim + i] = centres[mode * dim + i]! + scale * random.normal();
  }
  return z;
}
