// Mixtures of round Gaussians: rings, grids, vertices of a cube. Local samplers do not find their way between modes.

import { PipelineError } from '#schemas/errors.ts';
import {
  add,
  constant,
  logSumExp,
  matmul,
  mul,
  square,
  sub,
  sum,
  type JaxArray,
} from '../../numeric/array-math.ts';
import type { RandomStream } from '../../numeric/rng.ts';
import type { TracedTarget } from './target.ts';

export interface MixtureOptions {
  readonly dim: number;
  /** `[modes, dim]`. */
  readonly centres: Float64Array;
  /** Standard deviation of every mode in every direction. */
  readonly scale: number;
  /** `[modes]` masses of sum 1. @default equal ones */
  readonly weights?: Float64Array;
}

/**
 * Normalised: log Z is 0.
 * @throws PipelineError `config-invalid` where sizes do not fit or the scale is not positive.
 */
export function gaussianMixture({ dim, centres, scale, weights }: MixtureOptions): TracedTarget {
  const modes = centres.length / dim;
  const masses = weights ?? new Float64Array(modes).fill(1 / modes);
  if (!Number.isInteger(modes) || modes < 1 || masses.length !== modes || !(scale > 0)) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'a mixture has centres of its dimension, a mass for each, and a positive scale',
      where: 'target',
      value: `${centres.length} coordinates in ${dim} dimensions, ${masses.length} masses, scale ${scale}`,
    });
  }
  const constants = masses.map((mass) => Math.log(mass) - (dim / 2) * Math.log(2 * Math.PI * scale * scale));
  return {
    dim,
    logZ: 0,
    modes: { centres, scales: new Float64Array(modes).fill(scale), weights: masses },
    logDensity: (z) => logMixture(z, { centres, constants, scale, dim }),
    sample: (rows, random) => sampleMixture(rows, random, { dim, centres, scale, masses }),
  };
}

/** Equal modes of the given scale on a circle: the 8-mode ring has radius 10 and scale 1. */
export function ring({
  modes,
  radius,
  scale,
}: {
  modes: number;
  radius: number;
  scale: number;
}): TracedTarget {
  const centres = Float64Array.from({ length: 2 * modes }, (_, at) => {
    const angle = (2 * Math.PI * Math.floor(at / 2)) / modes;
    return radius * (at % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
  return gaussianMixture({ dim: 2, centres, scale });
}

/** side x side modes, `spacing` apart, around the origin. */
export function grid({
  side,
  spacing,
  scale,
}: {
  side: number;
  spacing: number;
  scale: number;
}): TracedTarget {
  const centres = Float64Array.from({ length: 2 * side * side }, (_, at) => {
    const mode = Math.floor(at / 2);
    return spacing * ((at % 2 === 0 ? Math.floor(mode / side) : mode % side) - (side - 1) / 2);
  });
  return gaussianMixture({ dim: 2, centres, scale });
}

/** Two modes at ±distance on the first axis: nothing local crosses between them. */
export function twoFar({ distance, scale }: { distance: number; scale: number }): TracedTarget {
  return gaussianMixture({ dim: 2, centres: Float64Array.of(distance, 0, -distance, 0), scale });
}

/** Distinct random vertices of the cube {-half, half}^dim, unit scale. */
export function cubeVertices(
  { dim, modes, half }: { dim: number; modes: number; half: number },
  random: RandomStream,
): TracedTarget {
  if (modes > 2 ** dim) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'a cube has 2^dim vertices',
      where: 'target.modes',
      value: `${modes} in ${dim} dimensions`,
    });
  }
  const known = new Set<string>();
  while (known.size < modes) known.add(Array.from({ length: dim }, () => random.below(2)).join(''));
  const centres = Float64Array.from([...known].join(''), (bit) => (bit === '1' ? half : -half));
  return gaussianMixture({ dim, centres, scale: 1 });
}

interface Evaluated {
  readonly dim: number;
  readonly centres: Float64Array;
  readonly constants: Float64Array;
  readonly scale: number;
}

/** |z - c|^2 as a product of matrices, which is cheap for many modes and dimensions. */
function logMixture(z: JaxArray, { dim, centres, constants, scale }: Evaluated): JaxArray {
  const modes = constants.length;
  const transposed = Float64Array.from({ length: centres.length }, (_, at) => {
    return centres[(at % modes) * dim + Math.floor(at / modes)]! / (scale * scale);
  });
  // The centres' own norms belong to the constants.
  const rest = constants.map((value, mode) => {
    const norm = centres.subarray(mode * dim, (mode + 1) * dim).reduce((total, c) => total + c * c, 0);
    return value - norm / (2 * scale * scale);
  });
  const along = add(matmul(z, constant(transposed, [dim, modes], z)), constant(rest, [modes], z));
  return sub(logSumExp(along, 1), mul(sum(square(z), 1), 1 / (2 * scale * scale)));
}

function sampleMixture(
  rows: number,
  random: RandomStream,
  {
    dim,
    centres,
    scale,
    masses,
  }: { dim: number; centres: Float64Array; scale: number; masses: Float64Array },
): Float64Array {
  const z = new Float64Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    let left = random.uniform();
    let mode = 0;
    while (mode < masses.length - 1 && left >= masses[mode]!) left -= masses[mode++]!;
    for (let i = 0; i < dim; i++) z[row * dim + i] = centres[mode * dim + i]! + scale * random.normal();
  }
  return z;
}
