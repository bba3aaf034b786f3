// Which samples an experiment looks at, and how they are cut into tasks.

import { PipelineError } from '#schemas/errors.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import type { LensTask } from './experiment.ts';
import type { ModelVariant } from './network.ts';

/**
 * Draws different samples of a range, ascending; all of them where there are fewer.
 * @param options.stream - keeps draws apart that share a seed.
 * @throws PipelineError `data-invalid` for a range with fewer than two samples.
 */
export function drawSamples(
  range: { readonly from: number; readonly to: number },
  { wanted, seed, stream }: { readonly wanted: number; readonly seed: number; readonly stream: number },
): number[] {
  const size = range.to - range.from;
  if (!(size >= 2)) {
    throw new PipelineError({
      kind: 'data-invalid',
      what: 'an experiment needs at least two samples',
      where: 'dataset.rows',
      value: `${Math.max(size, 0)} samples from ${range.from} on`,
      remedy: 'Choose a wider range of rows.',
    });
  }
  const order = shuffle(
    Int32Array.from({ length: size }, (_, i) => range.from + i),
    randomStream(seed, stream),
  );
  return Array.from(order.subarray(0, wanted)).sort((a, b) => a - b);
}

/** Tasks of at most `perTask` units each, variant by variant. */
export function cutTasks(variants: readonly ModelVariant[], units: number, perTask: number): LensTask[] {
  const cuts = Array.from({ length: Math.ceil(units / perTask) }, (_, cut) => cut * perTask);
  return variants.flatMap((variant) =>
    cuts.map((from) => ({ variant, from, to: Math.min(units, from + perTask) })),
  );
}

/** Sizes of a profile, overridden by the options that are given. */
export function sizesOf<Name extends string>(
  profile: Readonly<Record<Name, number>>,
  options: { readonly [Key in NoInfer<Name>]?: unknown },
): Record<Name, number> {
  const sizes = Object.entries(profile).map(([name, size]) => [name, options[name as Name] ?? size]);
  return Object.fromEntries(sizes) as Record<Name, number>;
}
