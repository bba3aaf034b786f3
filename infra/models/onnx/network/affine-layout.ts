// Affine operators that only move entries, in float64. Shapes are those that the model itself gave.

import { int, type NodeProto } from '../proto.ts';
import { attributeNamed, intAttribute } from '../tensors.ts';
import { acrossSamples, type Lower, type Lowering, sampleAxis, unfit } from './lowering.ts';

/** Flatten, Reshape, Squeeze and Unsqueeze: the same entries in the shape that the model's output had. */
export const reshaped: Lower = (node, lowering) => [
  lowering.graph.reshape(lowering.tensor(node.input[0] ?? ''), lowering.shape(node.output[0] ?? '')),
];

/** Transpose that leaves the samples in front. */
export const transposed: Lower = (node, lowering) => {
  const [name = ''] = node.input;
  const rank = lowering.shape(name).length;
  const perm = attributeNamed(node, 'perm')?.ints?.map(int) ?? reversedAxes(rank);
  if (perm[0] !== 0) throw acrossSamples(node);
  return [lowering.graph.add('Transpose', [lowering.tensor(name)], { perm })];
};

/** Concat of live tensors. */
export const concatenated: Lower = (node, lowering) => {
  const rank = lowering.shape(node.output[0] ?? '').length;
  const axis = sampleAxis(node, intAttribute(node, 'axis', 1), rank);
  return [lowering.graph.add('Concat', node.input.map(lowering.tensor), { axis })];
};

/** Pad with a constant. */
export const padded: Lower = (node, lowering) => {
  const { graph } = lowering;
  const [name = ''] = node.input;
  const rank = lowering.shape(name).length;
  const given = integers(node, lowering, 1, 'pads') ?? [];
  const axes = integers(node, lowering, 3, '') ?? Array.from({ length: given.length / 2 }, (_, i) => i);
  const pads = new Array<number>(2 * rank).fill(0);
  axes.forEach((axis, i) => {
    const at = axis < 0 ? axis + rank : axis;
    pads[at] = given[i] ?? 0;
    pads[rank + at] = given[axes.length + i] ?? 0;
  });
  if (pads[0] !== 0 || pads[rank] !== 0) throw acrossSamples(node);
  const fill = node.input[2] ? lowering.constant(node.input[2]).values : Float64Array.of(padValue(node));
  const inputs = [lowering.tensor(name), graph.integers([2 * rank], pads), graph.doubles([], fill)];
  return [graph.add('Pad', inputs, { mode: 'constant' })];
};

/** Slice with constant bounds. */
export const sliced: Lower = (node, lowering) => {
  const { graph } = lowering;
  const [name = ''] = node.input;
  const rank = lowering.shape(name).length;
  const starts = integers(node, lowering, 1, 'starts') ?? [];
  const ends = integers(node, lowering, 2, 'ends') ?? [];
  const axes = (integers(node, lowering, 3, 'axes') ?? starts.map((_, i) => i)).map((axis) =>
    axis < 0 ? axis + rank : axis,
  );
  const steps = integers(node, lowering, 4, '') ?? starts.map(() => 1);
  const firstAt = axes.indexOf(0);
  const isWhole = firstAt < 0 || (starts[firstAt] === 0 && (ends[firstAt] ?? 0) >= 2 ** 31 - 1);
  if (!isWhole) throw acrossSamples(node);
  const lists = [starts, ends, axes, steps].map((list) => graph.integers([list.length], list));
  return [graph.add('Slice', [lowering.tensor(name), ...lists])];
};

/** Split into the sizes that the model's outputs had. */
export const split: Lower = (node, lowering) => {
  const { graph } = lowering;
  const [name = ''] = node.input;
  const rank = lowering.shape(name).length;
  const axis = sampleAxis(node, intAttribute(node, 'axis', 0), rank);
  let start = 0;
  return node.output.map((output) => {
    const end = start + (lowering.shape(output)[axis] ?? 0);
    const lists = [[start], [end], [axis]].map((list) => graph.integers([1], list));
    start = end;
    return graph.add('Slice', [lowering.tensor(name), ...lists]);
  });
};

/** Gather of a live tensor's entries at constant places. */
export const gathered: Lower = (node, lowering) => {
  const [name = '', indices = ''] = node.input;
  const axis = sampleAxis(node, intAttribute(node, 'axis', 0), lowering.shape(name).length);
  const { dims, values } = lowering.constant(indices);
  const places = lowering.graph.integers(dims, values);
  return [lowering.graph.add('Gather', [lowering.tensor(name), places], { axis })];
};

/** A list that newer opsets give as an input and older ones as an attribute. */
export function integers(
  node: NodeProto,
  lowering: Pick<Lowering, 'constant'>,
  at: number,
  attribute: string,
): number[] | undefined {
  const name = node.input[at];
  if (name !== undefined && name !== '') return [...lowering.constant(name).values];
  return attribute === '' ? undefined : attributeNamed(node, attribute)?.ints?.map(int);
}

function reversedAxes(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => rank - 1 - i);
}

function padValue(node: NodeProto): number {
  const value = attributeNamed(node, 'value')?.f ?? 0;
  if (!Number.isFinite(value)) throw unfit(node, 'pads with a value that is not finite');
  return value;
}
