// A variational autoencoder with a MetFlow path between its encoder and its decoder. The path runs in the coordinates in
// which the encoder's law is N(0, I): eps = (z - mean(x)) / scale(x). There it starts from a frozen law, and one set of
// flows serves all images.

import {
  add,
  columns,
  exp,
  logSumExp,
  mul,
  reshape,
  softplus,
  square,
  sub,
  sum,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { applyLayers, type TracedLayer } from '../dense-net.ts';
import { constantInit, normalInit, prefixed, type ParameterSpec, type Parameters } from '../parameters.ts';
import { elboTerms, type ElboDraws, type ElboTerms } from '../path/elbo.ts';
import { logNormal, type Density } from '../path/path-kernel.ts';
import type { PathModel } from '../path/path-model.ts';

export interface VaeShape {
  readonly pixels: number;
  readonly latent: number;
  /** Units of the hidden tanh layers, from pixels to the latent vector; the decoder has them in reverse. */
  readonly hidden: readonly number[];
  /** Law of a pixel: Bernoulli, or Gaussian of this standard deviation. */
  readonly likelihood: { readonly kind: 'bernoulli' } | { readonly kind: 'gaussian'; readonly scale: number };
}

export interface VaeModel {
  readonly shape: VaeShape;
  /** Its initial law is frozen N(0, I) of the latent dimension; null for the encoder's law as it is. */
  readonly path: PathModel | null;
  /** Those of the path, then encoder and decoder. */
  readonly parameters: readonly ParameterSpec[];
}

export function vaeModel(shape: VaeShape, path: PathModel | null): VaeModel {
  const { pixels, latent, hidden } = shape;
  return {
    shape,
    path,
    parameters: [
      ...(path?.parameters ?? []),
      ...prefixed('encoder', denseSpecs([pixels, ...hidden, 2 * latent])),
      ...prefixed('decoder', denseSpecs([latent, ...hidden.toReversed(), pixels])),
    ],
  };
}

/** What is known of a batch: the pixels, and the path's random numbers (only `initial` without a path). */
export interface VaeBatch {
  /** `[rows, pixels]`. */
  readonly x: JaxArray;
  readonly draws: ElboDraws;
}

/**
 * The bound's terms on a batch.
 * @returns without a path `terms` is null; `integrand` is `[rows]` log p(x, z) - log q(z | x), or with a path its
 * extension by the acceptances: exp of it has mean p(x) either way.
 */
export function vaeTerms(
  { shape, path }: VaeModel,
  parameters: Parameters,
  { x, draws }: VaeBatch,
): { readonly integrand: JaxArray; readonly terms: ElboTerms | null } {
  const density = encodedDensity(shape, parameters, x);
  if (path === null) {
    return { integrand: sub(density(draws.initial), logNormal(draws.initial)), terms: null };
  }
  const terms = elboTerms(path, parameters, { draws, density });
  return { integrand: terms.integrand, terms };
}

/** log of the mean of exp(W) over copies of each image, `[copies * images]` copy by copy to `[images]`. */
export function logMeanWeights(integrand: JaxArray, copies: number): JaxArray {
  const images = integrand.shape[0]! / copies;
  return sub(logSumExp(reshape(integrand, [copies, images]), 0), Math.log(copies));
}

/** log p(x, mean + scale * eps) + sum log scale, as a density of eps. */
export function encodedDensity(shape: VaeShape, parameters: Parameters, x: JaxArray): Density {
  const { latent } = shape;
  const moments = applyLayers(layersOf(parameters, 'encoder', shape), x);
  const mean = columns(moments, 0, latent);
  const logScale = columns(moments, latent, 2 * latent);
  const volume = sum(logScale, 1);
  const scale = exp(logScale);
  const decoder = layersOf(parameters, 'decoder', shape);
  return (eps) => {
    const z = add(mean, mul(scale, eps));
    return add(add(logNormal(z), logPixels(shape, x, applyLayers(decoder, z))), volume);
  };
}

function logPixels({ likelihood, pixels }: VaeShape, x: JaxArray, output: JaxArray): JaxArray {
  switch (likelihood.kind) {
    case 'bernoulli':
      return sum(sub(mul(x, output), softplus(output)), 1);
    case 'gaussian': {
      const { scale } = likelihood;
      const squares = sum(square(mul(sub(x, output), 1 / scale)), 1);
      return sub(mul(squares, -0.5), pixels * (Math.log(scale) + 0.5 * Math.log(2 * Math.PI)));
    }
  }
}

function denseSpecs(sizes: readonly number[]): ParameterSpec[] {
  return sizes.slice(1).flatMap((to, i) => [
    { name: `w${i}`, dims: [sizes[i]!, to], initial: normalInit(Math.sqrt(1 / sizes[i]!)) },
    { name: `b${i}`, dims: [to], initial: constantInit(0) },
  ]);
}

/** The layers of `encoder` or `decoder`. */
export function layersOf(parameters: Parameters, net: string, { hidden }: VaeShape): TracedLayer[] {
  return Array.from({ length: hidden.length + 1 }, (_, i) => ({
    weight: parameters[`${net}.w${i}`]!,
    bias: parameters[`${net}.b${i}`]!,
    activation: { kind: i < hidden.length ? 'tanh' : 'none' },
  }));
}
