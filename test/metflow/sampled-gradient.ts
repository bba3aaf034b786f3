// Gradients of paths as compiled functions: of any loss, and of the surrogate that an estimator samples.

import { grad } from '@jax-js/jax';
import { unpackParameters } from '../../activities/metflow/parameters.ts';
import { elboTerms, type GradientEstimator, surrogate } from '../../activities/metflow/path/elbo.ts';
import type { PathModel } from '../../activities/metflow/path/path-model.ts';
import { noiseArrays } from '../../activities/metflow/path/path-noise.ts';
import type { JaxArray } from '../../activities/numeric/array-math.ts';
import { pathDims } from './path-fixture.ts';
import { compiled } from './traced.ts';

export function gradientOf(loss: (theta: JaxArray) => JaxArray, theta: JaxArray): JaxArray {
  return (grad(loss as never) as unknown as (t: JaxArray) => JaxArray)(theta.ref);
}

/** The gradient that an estimator makes of one draw of the noise, by the names of {@link pathDims}. */
export function sampledGradient(
  model: PathModel,
  {
    rows,
    estimator,
    density,
  }: {
    readonly rows: number;
    readonly estimator: GradientEstimator;
    readonly density: (z: JaxArray) => JaxArray;
  },
) {
  return compiled(
    (args) => {
      const loss = (value: JaxArray) => {
        const parameters = unpackParameters(value, model.parameters);
        const terms = elboTerms(model, parameters, { draws: noiseArrays(model, args), density });
        return surrogate(model, parameters, { terms, estimator });
      };
      return { gradient: gradientOf(loss, args.theta!) };
    },
    pathDims(model, rows),
  );
}
