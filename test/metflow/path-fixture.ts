// Small paths with parameters far from the identity, and their noise as inputs.

import { affineCoupling } from '../../activities/metflow/flows/affine-coupling.ts';
import { compose } from '../../activities/metflow/flows/compose.ts';
import { initialParameters, parameterCount } from '../../activities/metflow/parameters.ts';
import { type ForwardShare, flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import {
  pathModel,
  type PathModel,
  type PathModelOptions,
} from '../../activities/metflow/path/path-model.ts';
import { drawNoise, noiseSpecs } from '../../activities/metflow/path/path-noise.ts';
import { gaussianMixture } from '../../activities/metflow/targets/gaussian-mixture.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import type { Arrays } from './traced.ts';

/** Three Gaussians of different weights; log Z is 0. */
export function threeGaussians(): TracedTarget {
  const centres = Float64Array.of(2, 0, -1.5, 1.5, 0, -2);
  return gaussianMixture({ dim: 2, centres, scale: 0.8, weights: Float64Array.of(0.5, 0.3, 0.2) });
}

export function flowPath(
  steps: number,
  options: Partial<PathModelOptions> & {
    readonly conditioning?: 'none' | 'free' | 'fixed';
    readonly forward?: ForwardShare;
  } = {},
): PathModel {
  const { conditioning = 'none', forward = 'half', ...rest } = options;
  const aggregation = conditioning === 'none' ? null : 'stacking';
  const couplings = ([0, 1] as const).map((parity) =>
    affineCoupling({ dim: 2, hidden: 5, parity, aggregation }),
  );
  const kernel = flowKernel(compose(couplings), forward);
  return pathModel({
    dim: 2,
    groups: [{ kernel, count: steps, conditioning }],
    initial: { law: 'learned', scale: 1.5 },
    reverse: { law: 'uniform' },
    ...rest,
  });
}

/** Start values, stirred: every parameter has its say. */
export function stirredParameters(model: PathModel, amount = 0.5): Float64Array<ArrayBuffer> {
  const random = randomStream(5, 5);
  const start = initialParameters(model.parameters, { seed: 3, type: 'float64' });
  return Float64Array.from(start, (value) => value + amount * random.normal());
}

export function pathDims(model: PathModel, rows: number): Record<string, readonly number[]> {
  const noise = noiseSpecs(model, { rows, type: 'float64' });
  return {
    theta: [parameterCount(model.parameters)],
    ...Object.fromEntries(noise.map(({ name, dims }) => [name, dims])),
  };
}

/** Noise of one step, by the names of {@link pathDims}. */
export function pathNoise(model: PathModel, rows: number, step: number): Arrays {
  const values = drawNoise(model, { rows, type: 'float64' }, { seed: 17, step });
  const specs = noiseSpecs(model, { rows, type: 'float64' });
  return Object.fromEntries(specs.map(({ name }, i) => [name, values[i] as Float64Array]));
}
