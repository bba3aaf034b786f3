// What an operator's float64 form is written with, and the shapes it must keep to: the first axis is that of the samples.

import { PipelineError } from '#schemas/errors.ts';
import type { NodeProto } from '../proto.ts';
import { elements } from '../tensors.ts';
import type { ConstantTensor } from './constants.ts';
import type { Float64Graph } from './float64-graph.ts';

/** Reads the user's graph and writes the float64 graph, for one node at a time. */
export interface Lowering {
  readonly graph: Float64Graph;
  isLive(name: string): boolean;
  /** Name in the float64 graph of a live tensor that has been lowered. */
  tensor(name: string): string;
  /** Shape of a live tensor for one sample: a batch multiplies the first size. */
  shape(name: string): readonly number[];
  constant(name: string): ConstantTensor;
  /** Samples that shapes were measured with: constants may have been spread over as many. */
  readonly samples: number;
}

/** Writes one node in float64; returns the tensors of its outputs in order. */
export type Lower = (node: NodeProto, lowering: Lowering) => readonly string[];

/** The node's constant input in a form that spreads over a live tensor of `rank` axes without touching its samples. */
export function constantInput(
  lowering: Lowering,
  node: NodeProto,
  { name, rank }: { name: string; rank: number },
): string {
  const { dims, values } = perSample(lowering, lowering.constant(name), rank);
  if (dims.length > rank || (dims.length === rank && dims[0] !== 1)) throw acrossSamples(node);
  return lowering.graph.doubles(dims, values);
}

/** An axis as a non-negative number that is not the samples'. */
export function sampleAxis(node: NodeProto, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (at <= 0 || at >= rank) throw acrossSamples(node);
  return at;
}

/** The fault of an operator that mixes samples, or that has them on another axis than the first. */
export function acrossSamples(node: NodeProto): PipelineError {
  return unfit(node, 'works across samples, or moves them from the first axis');
}

/** The fault of an operator that has no float64 form here. */
export function unfit(node: NodeProto, why: string): PipelineError {
  return new PipelineError({
    kind: 'model-invalid',
    what: `${node.opType} ${why}, so there is no exact geometry`,
    where: node.output[0] ?? '',
    remedy: 'Start behind it, or export the model with one sample per entry of the first axis.',
  });
}

// A constant that the graph spread over the samples holds the same values for each of them.
function perSample({ samples }: Lowering, constant: ConstantTensor, rank: number): ConstantTensor {
  const { dims, values } = constant;
  if (dims.length !== rank || dims[0] !== samples || samples === 1) return constant;
  const size = elements(dims.slice(1));
  for (let at = size; at < values.length; at++) if (values[at] !== values[at % size]) return constant;
  return { dims: [1, ...dims.slice(1)], values: values.subarray(0, size) };
}
