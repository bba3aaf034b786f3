// Inputs that a classifier assigns to a class, as a density: a Gaussian tilted by the class's logit.

import { add, column, mul, square, sub, sum } from '../../numeric/array-math.ts';
import { applyDense, checkClass, type DenseNet } from '../dense-net.ts';
import type { TracedTarget } from './target.ts';

export interface ClassEnergyOptions {
  /** From inputs to logits. */
  readonly net: DenseNet;
  /** Output that tilts, from 0. */
  readonly of: number;
  /** Weight of the logit; 0 leaves the Gaussian. */
  readonly tilt: number;
  /** Mean of the Gaussian in every coordinate, and its standard deviation. */
  readonly centre: number;
  readonly scale: number;
}

/**
 * `tilt logit(x) - |x - centre|^2 / (2 scale^2)`: has a finite integral, since logits of a net with ReLU grow at most
 * linearly.
 * @throws PipelineError `config-invalid` where the net has no such output.
 */
export function classEnergy({ net, of, tilt, centre, scale }: ClassEnergyOptions): TracedTarget {
  const dim = net[0]!.inputs;
  checkClass(net, of);
  return {
    dim,
    base: (rows, random) => Float64Array.from({ length: rows * dim }, () => centre + scale * random.normal()),
    logDensity(x) {
      const gaussian = mul(sum(square(sub(x, centre)), 1), -0.5 / (scale * scale));
      return add(mul(column(applyDense(net, x), of), tilt), gaussian);
    },
  };
}
