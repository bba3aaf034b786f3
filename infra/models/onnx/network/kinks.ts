// Operators that bend: activations of taps and max-pools, each with where it bends and its float64 form.

import type { GraphIndex } from '../graph.ts';
import type { NodeProto } from '../proto.ts';
import { floatAttribute, intAttribute } from '../tensors.ts';
import { clipBounds } from '../taps.ts';
import { constantInput, type Lower } from './lowering.ts';

/** A node that is affine only between its bends. */
export type Kink =
  | {
      readonly kind: 'relu';
      readonly node: NodeProto;
      /** The tensor that is bent. */
      readonly input: string;
      readonly bends: readonly number[];
    }
  | { readonly kind: 'pool'; readonly node: NodeProto; readonly input: string };

/** A finite upper bound of Clip; float32's largest number means none. */
const UNBOUNDED = 3.4e38;

/** The kink of a node that is one of those that exact geometry knows, or null. */
export function kinkOf(index: GraphIndex, node: NodeProto): Kink | null {
  const [input = ''] = node.input;
  const relu = (bends: readonly number[], of = input): Kink => ({ kind: 'relu', node, input: of, bends });
  switch (node.opType) {
    case 'Relu':
    case 'LeakyRelu':
      return relu([0]);
    case 'PRelu':
      return index.constantOf(node.input[1] ?? '') === undefined ? null : relu([0]);
    case 'Clip': {
      const { lowest, highest } = clipBounds(index, node);
      if (lowest !== 0 || highest === undefined || !(highest > 0)) return null;
      return relu(highest > UNBOUNDED ? [0] : [0, highest]);
    }
    case 'Max': {
      const zero = node.input.findIndex((name) => index.scalarOf(name) === 0);
      return node.input.length === 2 && zero >= 0 ? relu([0], node.input[1 - zero]) : null;
    }
    case 'MaxPool':
      return intAttribute(node, 'storage_order', 0) === 0 && node.output.length === 1
        ? { kind: 'pool', node, input }
        : null;
    case 'GlobalMaxPool':
      return { kind: 'pool', node, input };
    default:
      return null;
  }
}

/** The float64 form of a kink's node. */
export function lowerKink(index: GraphIndex, kink: Kink): Lower {
  if (kink.kind === 'pool') return kink.node.opType === 'MaxPool' ? maxPooled : globallyMaxPooled;
  if (kink.node.opType === 'LeakyRelu') return leaky;
  if (kink.node.opType === 'PRelu') return leakyBySlopes;
  const { highest = Infinity } = kink.node.opType === 'Clip' ? clipBounds(index, kink.node) : {};
  return (_, { graph, tensor }) => {
    if (highest > UNBOUNDED) return [graph.add('Relu', [tensor(kink.input)])];
    const bounds = [0, highest].map((bound) => graph.doubles([], Float64Array.of(bound)));
    return [graph.add('Clip', [tensor(kink.input), ...bounds])];
  };
}

/** Slope for z <= 0 of an activation, as a constant that spreads over its input. */
export function slopeOf(
  { node }: Kink,
  constant: (name: string) => { readonly dims: readonly number[]; readonly values: Float64Array },
): { readonly dims: readonly number[]; readonly values: Float64Array } {
  if (node.opType === 'PRelu') return constant(node.input[1] ?? '');
  const slope = node.opType === 'LeakyRelu' ? floatAttribute(node, 'alpha', 0.01) : 0;
  return { dims: [], values: Float64Array.of(slope) };
}

const leaky: Lower = (node, lowering) => {
  const slope = lowering.graph.doubles([], Float64Array.of(floatAttribute(node, 'alpha', 0.01)));
  return [bent(lowering, lowering.tensor(node.input[0] ?? ''), slope)];
};

const leakyBySlopes: Lower = (node, lowering) => {
  const [x = '', name = ''] = node.input;
  const slopes = constantInput(lowering, node, { name, rank: lowering.shape(x).length });
  return [bent(lowering, lowering.tensor(x), slopes)];
};

function bent({ graph }: Parameters<Lower>[1], z: string, slope: string): string {
  const isOn = graph.add('Greater', [z, graph.doubles([], Float64Array.of(0))]);
  return graph.add('Where', [isOn, z, graph.add('Mul', [z, slope])]);
}

const maxPooled: Lower = (node, { graph, tensor }) => [graph.copy(node, [tensor(node.input[0] ?? '')])];

const globallyMaxPooled: Lower = (node, { graph, tensor, shape }) => {
  const axes = shape(node.input[0] ?? '').flatMap((_, axis) => (axis < 2 ? [] : [axis]));
  return [graph.add('ReduceMax', [tensor(node.input[0] ?? '')], { axes, keepdims: 1 })];
};
