// Inputs beside the samples that text models ask for. What cannot be guessed safely is refused by name.

import { Tensor } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import { trueInputs } from './graph.ts';
import type { GraphProto, ValueInfoProto } from './proto.ts';
import { ELEMENT, elements } from './tensors.ts';

/**
 * Feeds for attention masks (ones), position ids (0, 1, ...) and token type ids (zeros), shaped like the
 * tokens.
 * @param dims - shape of the sample batch, `[sequences, tokens]`.
 * @throws PipelineError `model-invalid` naming an input that cannot be filled.
 */
export function sideFeeds(
  graph: GraphProto,
  samplesInput: string,
  dims: readonly number[],
): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const input of trueInputs(graph)) {
    if (input.name !== samplesInput) feeds[input.name] = sideFeed(input, dims);
  }
  return feeds;
}

function sideFeed(input: ValueInfoProto, dims: readonly number[]): Tensor {
  const fill = fillOf(input.name);
  const elemType = input.type?.tensorType?.elemType;
  const count = elements(dims);
  const tokens = dims.at(-1) ?? 1;
  if (fill !== undefined && elemType === ELEMENT.int64) {
    return new Tensor(
      'int64',
      BigInt64Array.from({ length: count }, (_, i) => BigInt(fill(i % tokens))),
      [...dims],
    );
  }
  if (fill !== undefined && elemType === ELEMENT.int32) {
    return new Tensor(
      'int32',
      Int32Array.from({ length: count }, (_, i) => fill(i % tokens)),
      [...dims],
    );
  }
  if (fill !== undefined && elemType === ELEMENT.float) {
    return new Tensor(
      'float32',
      Float32Array.from({ length: count }, (_, i) => fill(i % tokens)),
      [...dims],
    );
  }
  throw new PipelineError({
    kind: 'model-invalid',
    what: 'the model asks for an input beside the samples that cannot be filled',
    where: `input ${input.name}`,
    remedy: 'Export the model with the samples (and a mask or position ids) as its only inputs.',
  });
}

function fillOf(name: string): ((token: number) => number) | undefined {
  if (/mask/i.test(name)) return () => 1;
  if (/position/i.test(name)) return (token) => token;
  return /token_type|segment/i.test(name) ? () => 0 : undefined;
}
