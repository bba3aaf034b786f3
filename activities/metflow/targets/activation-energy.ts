// Activations inside a classifier as a density: that of its activations on data, tilted by the logit that the rest of the
// net gives them.

import { PipelineError } from '#schemas/errors.ts';
import {
  add,
  column,
  constant,
  logSumExp,
  matmul,
  mul,
  square,
  sub,
  sum,
  transpose,
} from '../../numeric/array-math.ts';
import { pca } from '../../numeric/pca.ts';
import type { RandomStream } from '../../numeric/rng.ts';
import { activate, applyDense, checkClass, type DenseActivation, type DenseNet } from '../dense-net.ts';
import type { TracedTarget } from './target.ts';

export interface ActivationEnergyOptions {
  /** `[points, units]` pre-activations of data at the tap. */
  readonly activations: Float32Array;
  /** What follows the tap, and the layers behind it. */
  readonly activation: DenseActivation;
  readonly rest: DenseNet;
  /** Output that tilts, from 0. */
  readonly of: number;
  /** Weight of the logit; 0 leaves the density of the data's activations. */
  readonly tilt: number;
  /** Of the Gaussian around every point, in whitened coordinates. @default Scott's rule, `points^(-1 / (dim + 4))` */
  readonly bandwidth?: number | undefined;
}

/** Directions with less variance than this share of the largest are constant. */
const LEAST_SHARE = 1e-10;

/**
 * `tilt logit(h) + log KDE(h)` over whitened `h`: coordinates in which the data have mean 0 and covariance I. With tilt 0 it
 * is the kernel density estimate itself, of log Z 0.
 * @throws PipelineError `config-invalid` where the net has no such output, `data-invalid` where the points do not vary.
 * @see Scott, "Multivariate Density Estimation", 1992, section 6.3, for the bandwidth.
 */
export function activationEnergy(options: ActivationEnergyOptions): TracedTarget {
  const { activation, rest, of, tilt } = options;
  checkClass(rest, of);
  const white = whitened(options.activations, rest[0]!.inputs);
  const { dim, units, points, centres, mean, axes } = white;
  const bandwidth = options.bandwidth ?? points ** (-1 / (dim + 4));
  return {
    dim,
    ...(tilt === 0 ? { logZ: 0 } : {}),
    base: (rows, random) => drawsOf(white, bandwidth, { rows, random }),
    logDensity(z) {
      // |z - c|^2 = |z|^2 - 2 z . c + |c|^2, of which the first is the same for all points.
      const turned = transpose(constant(centres, [points, dim], z));
      const halves = constant(halfSquares(centres, dim), [points], z);
      const near = logSumExp(mul(sub(matmul(z, turned), halves), bandwidth ** -2), 1);
      const whole = Math.log(points) + dim * Math.log(bandwidth * Math.sqrt(2 * Math.PI));
      const density = sub(sub(near, mul(sum(square(z), 1), 0.5 * bandwidth ** -2)), whole);
      if (tilt === 0) return density;
      const h = add(matmul(z, constant(axes, [dim, units], z)), constant(mean, [units], z));
      return add(mul(column(applyDense(rest, activate(h, activation)), of), tilt), density);
    },
    modelInput: (z) => activationsOf(white, z),
  };
}

/** Data in coordinates of mean 0 and covariance I, and the way back: `h = mean + z . axes`. */
interface Whitened {
  readonly dim: number;
  readonly units: number;
  readonly points: number;
  /** `[points, dim]`. */
  readonly centres: Float64Array;
  /** `[units]`. */
  readonly mean: Float64Array;
  /** `[dim, units]` principal axes, each as long as the standard deviation along it. */
  readonly axes: Float64Array;
}

function whitened(values: Float32Array, units: number): Whitened {
  const points = values.length / units;
  const { components, variances, mean } = pca(
    { values, rows: points, cols: units },
    { components: units, seed: 0 },
  );
  const dim = variances.filter((value) => value > LEAST_SHARE * variances[0]!).length;
  if (dim === 0) {
    throw new PipelineError({
      kind: 'data-invalid',
      where: 'target.dataset',
      what: 'activations are the same for all points, so there is no density of them',
      value: `${points} points`,
    });
  }
  const axes = Float64Array.from({ length: dim * units }, (_, at) => {
    return components[at]! * Math.sqrt(variances[Math.floor(at / units)]!);
  });
  const centres = Float64Array.from({ length: points * dim }, (_, at) => {
    const [point, d] = [Math.floor(at / dim), at % dim];
    let total = 0;
    for (let unit = 0; unit < units; unit++)
      total += (values[point * units + unit]! - mean[unit]!) * components[d * units + unit]!;
    return total / Math.sqrt(variances[d]!);
  });
  return { dim, units, points, centres, mean, axes };
}

/** Exact draws of the kernel density estimate. */
function drawsOf(
  { centres, points, dim }: Whitened,
  bandwidth: number,
  { rows, random }: { readonly rows: number; readonly random: RandomStream },
): Float64Array {
  const z = new Float64Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const point = Math.floor(random.uniform() * points);
    for (let d = 0; d < dim; d++) z[row * dim + d] = centres[point * dim + d]! + bandwidth * random.normal();
  }
  return z;
}

/** `[rows, units]` pre-activations. */
function activationsOf({ axes, mean, dim, units }: Whitened, z: Float64Array): Float64Array {
  return Float64Array.from({ length: (z.length / dim) * units }, (_, at) => {
    const [row, unit] = [Math.floor(at / units), at % units];
    let total = mean[unit]!;
    for (let d = 0; d < dim; d++) total += z[row * dim + d]! * axes[d * units + unit]!;
    return total;
  });
}

/** `[rows]` half the squared length of each row. */
function halfSquares(values: Float64Array, columns: number): Float64Array {
  return Float64Array.from({ length: values.length / columns }, (_, row) =>
    values
      .subarray(row * columns, (row + 1) * columns)
      .reduce((total, value) => total + (value * value) / 2, 0),
  );
}
