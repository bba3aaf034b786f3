// A variational autoencoder with something between its encoder and its decoder: nothing, a flow, or a MetFlow path. Flow
// and path run in the coordinates in which the encoder's law is N(0, I): eps = (z - mean(x)) / scale(x). There a path
// starts from a frozen law, and one set of flows serves all images.

import {
  add,
  columns,
  constant,
  exp,
  filled,
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
import { applyForward, type Bijection, type Mapped } from '../flows/bijection.ts';
import {
  constantInit,
  normalInit,
  prefixed,
  underPrefix,
  type ParameterSpec,
  type Parameters,
} from '../parameters.ts';
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
  /** `[pixels]` 1 for pixels that were seen: the others are summed out of the density, and 0 to the encoder. @default all */
  readonly seen?: ArrayLike<number>;
}

export interface VaeModel {
  readonly shape: VaeShape;
  /** Its initial law is frozen N(0, I) of the latent dimension; null for none. */
  readonly path: PathModel | null;
  /** Maps the encoder's law, without a Metropolis step; null for none. There is no path beside it. */
  readonly flow: Bijection | null;
  /** Those of path or flow, then those of encoder and decoder. */
  readonly parameters: readonly ParameterSpec[];
  readonly parts: { readonly between: readonly ParameterSpec[]; readonly nets: readonly ParameterSpec[] };
}

/** What stands between encoder and decoder: a path, a flow, or nothing. */
export type Between = PathModel | Bijection | null;

export function vaeModel(shape: VaeShape, between: Between): VaeModel {
  const { pixels, latent, hidden } = shape;
  const path = between !== null && 'slots' in between ? between : null;
  const flow = between !== null && 'forward' in between ? between : null;
  const own = flow === null ? (path?.parameters ?? []) : prefixed('flow', flow.parameters);
  const nets = [
    ...prefixed('encoder', denseSpecs([pixels, ...hidden, 2 * latent])),
    ...prefixed('decoder', denseSpecs([latent, ...hidden.toReversed(), pixels])),
  ];
  return { shape, path, flow, parameters: [...own, ...nets], parts: { between: own, nets } };
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
  model: VaeModel,
  parameters: Parameters,
  { x, draws }: VaeBatch,
): { readonly integrand: JaxArray; readonly terms: ElboTerms | null } {
  const { shape, path } = model;
  const density = encodedDensity(shape, parameters, x);
  if (path === null) {
    const { z, logDet } = mappedDraws(model, parameters, draws.initial);
    return { integrand: sub(add(density(z), logDet), logNormal(draws.initial)), terms: null };
  }
  const terms = elboTerms(path, parameters, { draws, density });
  return { integrand: terms.integrand, terms };
}

/** Standard normals as the flow maps them; as they are without one. */
export function mappedDraws({ flow }: VaeModel, parameters: Parameters, normals: JaxArray): Mapped {
  if (flow === null) return { z: normals, logDet: filled(0, [normals.shape[0]!], normals) };
  return applyForward(flow, underPrefix(parameters, 'flow'), normals, null);
}

/** log of the mean of exp(W) over copies of each image, `[copies * images]` copy by copy to `[images]`. */
export function logMeanWeights(integrand: JaxArray, copies: number): JaxArray {
  const images = integrand.shape[0]! / copies;
  return sub(logSumExp(reshape(integrand, [copies, images]), 0), Math.log(copies));
}

/** log p(x, mean + scale * eps) + sum log scale, as a density of eps. */
export function encodedDensity(shape: VaeShape, parameters: Parameters, x: JaxArray): Density {
  const { latent } = shape;
  const moments = applyLayers(layersOf(parameters, 'encoder', shape), seenPixels(shape, x));
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

/** The pixels that were seen, the others 0: what is made of them does not depend on what a chain has drawn. */
export function seenPixels({ seen, pixels }: VaeShape, x: JaxArray): JaxArray {
  return seen === undefined ? x : mul(x, constant(seen, [1, pixels], x));
}

function logPixels(shape: VaeShape, x: JaxArray, output: JaxArray): JaxArray {
  const { likelihood, pixels, seen } = shape;
  const counted = seen === undefined ? pixels : Array.from(seen).reduce((total, each) => total + each, 0);
  switch (likelihood.kind) {
    case 'bernoulli':
      return sum(seenPixels(shape, sub(mul(x, output), softplus(output))), 1);
    case 'gaussian': {
      const { scale } = likelihood;
      const squares = sum(seenPixels(shape, square(mul(sub(x, output), 1 / scale))), 1);
      return sub(mul(squares, -0.5), counted * (Math.log(scale) + 0.5 * Math.log(2 * Math.PI)));
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
