// The posterior of a variational autoencoder's latent vector, given pixels: of one image, of several that share it, or
// of a part of an image. Its decoder is frozen.

import { PipelineError } from '#schemas/errors.ts';
import {
  add,
  constant,
  matmul,
  mul,
  reshape,
  softplus,
  sub,
  sum,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { applyDense, type DenseNet } from '../dense-net.ts';
import { logNormal } from '../path/path-kernel.ts';
import type { TracedTarget } from './target.ts';

export interface VaePosteriorOptions {
  /** From latent vectors to the logits of Bernoulli pixels. */
  readonly decoder: DenseNet;
  /** `[images][pixels]` 0 or 1. */
  readonly images: readonly ArrayLike<number>[];
  /** `[pixels]` 1 for pixels that were seen. @default all */
  readonly seen?: ArrayLike<number>;
}

/**
 * `log N(z; 0, I) + sum over images and seen pixels of log Bernoulli(x; decoder(z))`: the log joint, whose integral is
 * the images' likelihood. Pixels that were not seen are summed out exactly. Without images it is the prior, of log Z 0.
 * @throws PipelineError `shape-mismatch` where images and decoder differ in size, `data-invalid` for a pixel that is
 * neither 0 nor 1.
 * @see Kingma and Welling, "Auto-encoding variational Bayes", arXiv 1312.6114; several images that share a latent
 * vector as in co-authors' research code for MetFlow.
 */
export function vaePosterior({ decoder, images, seen }: VaePosteriorOptions): TracedTarget {
  const dim = decoder[0]!.inputs;
  const pixels = decoder.at(-1)!.outputs;
  const weights = Float64Array.from({ length: pixels }, (_, pixel) => seen?.[pixel] ?? 1);
  for (const [number, image] of images.entries()) checkImage(image, { number, pixels });
  // sum of x l - softplus(l) over images: they enter by their sum and their number alone.
  const totals = weights.map((weight, pixel) => {
    return weight * images.reduce((total, image) => total + image[pixel]!, 0);
  });
  const counts = weights.map((weight) => weight * images.length);
  const base: NonNullable<TracedTarget['base']> = (rows, random) =>
    Float64Array.from({ length: rows * dim }, () => random.normal());
  return {
    dim,
    base,
    ...(images.length === 0 ? { logZ: 0, sample: base } : {}),
    logDensity(z) {
      if (images.length === 0) return logNormal(z);
      const logits = applyDense(decoder, z);
      return add(logNormal(z), pixelTerms(logits, { totals, counts, pixels }));
    },
  };
}

function pixelTerms(
  logits: JaxArray,
  { totals, counts, pixels }: { totals: Float64Array; counts: Float64Array; pixels: number },
): JaxArray {
  const lit = matmul(logits, constant(totals, [pixels, 1], logits));
  const spread = sum(mul(softplus(logits), constant(counts, [pixels], logits)), 1);
  return sub(reshape(lit, [logits.shape[0]!]), spread);
}

function checkImage(
  image: ArrayLike<number>,
  { number, pixels }: { readonly number: number; readonly pixels: number },
): void {
  const where = `target.images[${number}]`;
  if (image.length !== pixels) {
    throw new PipelineError({
      kind: 'shape-mismatch',
      where,
      what: 'an image has as many pixels as the decoder makes',
      value: `${image.length}, decoder ${pixels}`,
    });
  }
  const bad = Array.from(image).findIndex((value) => value !== 0 && value !== 1);
  if (bad === -1) return;
  throw new PipelineError({
    kind: 'data-invalid',
    where,
    what: 'pixels are 0 or 1',
    value: `${image[bad]} at ${bad}`,
  });
}
