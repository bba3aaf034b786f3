// Element types of a graph's tensors, followed from its inputs and constants: exports rarely say them for inner tensors.

import type { GraphIndex } from '../graph.ts';
import { int, type NodeProto } from '../proto.ts';
import { attributeNamed, ELEMENT } from '../tensors.ts';

const TRUTH_VALUES = new Set([
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Equal',
  'Not',
  'And',
  'Or',
  'Xor',
  'IsNaN',
  'IsInf',
]);
const INTEGERS = new Set(['Shape', 'Size', 'ArgMax', 'ArgMin', 'NonZero']);

/** ONNX element type by tensor name; a tensor whose operator is unknown has the type of its first input. */
export function elementTypes(index: GraphIndex): ReadonlyMap<string, number> {
  const types = new Map<string, number>();
  for (const { name, type } of index.graph.input)
    types.set(name, type?.tensorType?.elemType ?? ELEMENT.float);
  for (const { name, dataType } of index.graph.initializer) types.set(name ?? '', dataType ?? ELEMENT.float);
  for (const node of index.graph.node) {
    node.output.forEach((name, at) => {
      types.set(name, typeOfOutput(index, node, at, types));
    });
  }
  return types;
}

function typeOfOutput(
  index: GraphIndex,
  node: NodeProto,
  at: number,
  types: ReadonlyMap<string, number>,
): number {
  const { opType, input, output } = node;
  if (TRUTH_VALUES.has(opType)) return ELEMENT.bool;
  if (INTEGERS.has(opType) || (opType === 'MaxPool' && at === 1) || (opType === 'TopK' && at === 1))
    return ELEMENT.int64;
  if (opType === 'Dropout' && at === 1) return ELEMENT.bool;
  if (opType === 'Cast') return int(attributeNamed(node, 'to')?.i);
  if (opType === 'Constant') return index.constantOf(output[0] ?? '')?.dataType ?? ELEMENT.float;
  if (opType === 'ConstantOfShape') return attributeNamed(node, 'value')?.t?.dataType ?? ELEMENT.float;
  const first = input[opType === 'Where' || opType === 'CastLike' ? 1 : 0] ?? '';
  return types.get(first) ?? ELEMENT.float;
}
