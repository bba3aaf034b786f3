// Where paths and planes may start: the input, and every tensor of floats that alone separates the graph.

import type { StartSpace } from '../../../../activities/experiments/network.ts';
import { elements } from '../tensors.ts';
import { nodesNeeded, separators, tensorsBehind } from './graph-flow.ts';
import { INPUT, type OpenedModel } from './opened-model.ts';

/** Start spaces in graph order; a text model's are of one token, and its token ids are none. */
export function startSpaces(model: OpenedModel): StartSpace[] {
  const { loaded, taps, logits, trace, input } = model;
  const names = taps.map(({ info }) => info.name);
  const last = logits?.name ?? (names.at(-1) as string);
  const nodes = nodesNeeded(loaded.graph.node, [...names, last]);
  const isLive = (name: string) => trace.live.has(name);
  const found = separators(nodes, { start: input.name, isLive, sinks: new Set([last]) });
  return found.flatMap((tensor) => {
    const shape = tensor === logits?.name ? null : spaceShape(model, tensor);
    const behind = tensorsBehind(nodes, tensor);
    const tapsBefore = names.filter((name) => !behind.has(name)).length;
    // Codes from the first tap behind on must all be functions of the space.
    const isSuffix = names.slice(tapsBefore).every((name) => behind.has(name));
    if (shape === null || !isSuffix) return [];
    return [{ name: tensor === input.name ? INPUT : tensor, tapsBefore, shape, size: elements(shape) }];
  });
}

/** Shape of one sample (one token of a text model) of a tensor, or null where it is no space of floats. */
export function spaceShape(
  { isFloat, trace, tokens }: OpenedModel,
  tensor: string,
): readonly number[] | null {
  const dims = trace.shapeOf(tensor) ?? [];
  const [first = 0, ...rest] = dims;
  const samplesPerRow = first / trace.samples;
  if (!isFloat(tensor) || dims.length < 2 || !Number.isInteger(samplesPerRow)) return null;
  if (tokens === null) return samplesPerRow === 1 ? rest : [samplesPerRow, ...rest];
  const width = dims.at(-1) ?? 0;
  const isByToken = elements(dims) === trace.samples * tokens * width;
  return isByToken && dims.length <= 3 ? [width] : null;
}
