// Affine operators that work entry by entry, in float64.

import type { NodeProto } from '../proto.ts';
import { floatAttribute } from '../tensors.ts';
import { acrossSamples, constantInput, type Lower, type Lowering } from './lowering.ts';

/** Identity, Dropout and Cast between floats. */
export const renamed: Lower = (node, lowering) => [lowering.tensor(node.input[0] ?? '')];

/** Add, Sub, Mul and Div of two tensors, at least one of them live. */
export const elementwise: Lower = (node, lowering) => {
  const rank = Math.max(...node.input.filter(lowering.isLive).map((name) => lowering.shape(name).length));
  return [
    lowering.graph.add(
      node.opType,
      node.input.map((name) => operand(node, lowering, { name, rank })),
    ),
  ];
};

/** Sum and Mean of any number of tensors. */
export const summed: Lower = (node, lowering) => {
  const { graph } = lowering;
  const rank = Math.max(...node.input.filter(lowering.isLive).map((name) => lowering.shape(name).length));
  const sum = node.input
    .map((name) => operand(node, lowering, { name, rank }))
    .reduce((left, right) => graph.add('Add', [left, right]));
  if (node.opType === 'Sum') return [sum];
  return [graph.add('Div', [sum, graph.doubles([], Float64Array.of(node.input.length))])];
};

/** Neg. */
export const negated: Lower = (node, lowering) => [
  lowering.graph.add('Neg', [lowering.tensor(node.input[0] ?? '')]),
];

/** BatchNormalization as a factor and a shift per channel. */
export const normalisedByBatch: Lower = (node, lowering) => {
  const { graph } = lowering;
  const [x = '', ...parts] = node.input;
  const [gain, shift, mean, variance] = parts.map((name) => lowering.constant(name).values);
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const factors = Float64Array.from(
    gain as Float64Array,
    (value, i) => value / Math.sqrt((variance?.[i] ?? 0) + epsilon),
  );
  const shifts = factors.map((factor, i) => (shift?.[i] ?? 0) - (mean?.[i] ?? 0) * factor);
  const dims = [
    1,
    factors.length,
    ...lowering
      .shape(x)
      .slice(2)
      .map(() => 1),
  ];
  const scaled = graph.add('Mul', [lowering.tensor(x), graph.doubles(dims, factors)]);
  return [graph.add('Add', [scaled, graph.doubles(dims, shifts)])];
};

// Tensors of different rank would line the samples of one up with another axis of the other.
function operand(
  node: NodeProto,
  lowering: Lowering,
  { name, rank }: { name: string; rank: number },
): string {
  if (!lowering.isLive(name)) return constantInput(lowering, node, { name, rank });
  if (lowering.shape(name).length !== rank) throw acrossSamples(node);
  return lowering.tensor(name);
}
