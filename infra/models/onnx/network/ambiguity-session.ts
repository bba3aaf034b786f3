// Counts of bits that rounding could flip, tap by tap: what a sweep counts, for the points of an experiment.

import { Tensor } from 'onnxruntime-node';
import { addAmbiguity } from '../ambiguity.ts';
import { tapGeometry } from '../geometry.ts';
import { createPatch } from '../graph-patch.ts';
import { openRuntime } from '../runtime.ts';
import { sideFeeds } from '../side-inputs.ts';
import { ELEMENT, elements } from '../tensors.ts';
import type { FloatSession } from './float-session.ts';
import type { OpenedModel } from './opened-model.ts';

const MOST_SAMPLES = 16;

/** Which counts: of every tap, or of one; per sample, or per position of its map. Text is always counted per token. */
export interface AmbiguityOptions {
  /** @default every tap */
  readonly tap?: string;
  /** @default 'image' */
  readonly granularity?: 'image' | 'position';
}

/** A session from the model input; its outputs are called as the taps and hold one number per sample, position or token. */
export async function openAmbiguitySession(
  model: OpenedModel,
  threads: number,
  { tap: only, granularity = 'image' }: AmbiguityOptions,
): Promise<FloatSession> {
  const { loaded, index, input, trace, device, sampleShape, tokens } = model;
  const taps = model.taps
    .filter(({ info }) => only === undefined || info.name === only)
    .map(({ found }) =>
      tapGeometry(found, trace.shapeOf(found.name) ?? [], index, {
        granularity,
        samples: trace.samples,
        tokens,
      }),
    );
  const isFixed = typeof input.dims[0] === 'number' || trace.samples === 1;
  const samples = isFixed ? trace.samples : MOST_SAMPLES;
  const patch = createPatch();
  const counts = taps.map((geometry, tap) => addAmbiguity(patch, index, geometry, { tap, samples }).name);
  const session = await openRuntime(
    loaded.model,
    patch.applyTo(loaded.graph),
    counts.map((name) => ({ name, elemType: ELEMENT.float })),
    { file: loaded.file, device, threads },
  );
  const dims = [samples, ...sampleShape];
  const side = sideFeeds(loaded.graph, input.name, dims);
  return {
    samples,
    size: elements(sampleShape),
    crossing: [],
    async run(data) {
      const feeds = { ...side, [input.name]: new Tensor(input.type, data as never, dims) };
      const results = await session.run(feeds);
      return new Map(
        taps.map(({ info }, tap) => [info.name, (results[counts[tap]!] as Tensor).data as Float32Array]),
      );
    },
    release: () => session.release(),
  };
}
