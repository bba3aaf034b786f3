// Nodes that a session adds to the user's graph. Sums are matrix products with ones: they mean the same in
// every opset.

import type { GraphProto, NodeProto, TensorProto } from './proto.ts';
import type { TapGeometry } from './geometry.ts';
import { byteTensor, ELEMENT, floatTensor, intTensor, node } from './tensors.ts';

/** Collects added nodes and constants under names that no exporter uses. */
export interface GraphPatch {
  /** Adds a node with one output and returns the output's name. */
  add(
    opType: string,
    inputs: readonly string[],
    attributes?: Record<string, number | readonly number[]>,
  ): string;
  /** Adds a node like `original`, with other inputs and one fresh output. */
  copy(original: NodeProto, inputs: readonly string[]): string;
  floats(dims: readonly number[], values: ArrayLike<number>): string;
  bytes(dims: readonly number[], values: Uint8Array, elemType: number): string;
  reshape(tensor: string, dims: readonly number[]): string;
  /** A copy of the graph with everything added. */
  applyTo(graph: GraphProto): GraphProto;
}

/** An empty patch. */
export function createPatch(): GraphPatch {
  const nodes: NodeProto[] = [];
  const constants: TensorProto[] = [];
  let count = 0;
  const fresh = (kind: string) => `tessera/${kind}_${count++}`;
  function constant(tensor: TensorProto): string {
    constants.push(tensor);
    return tensor.name ?? '';
  }
  function add(
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, number | readonly number[]> = {},
  ): string {
    const output = fresh(opType);
    nodes.push(node(opType, inputs, [output], attributes));
    return output;
  }
  function copy(original: NodeProto, inputs: readonly string[]): string {
    const output = fresh(original.opType);
    nodes.push({ ...original, input: [...inputs], output: [output], name: output });
    return output;
  }
  return {
    add,
    copy,
    floats: (dims, values) => constant(floatTensor(fresh('floats'), dims, values)),
    bytes: (dims, values, elemType) => constant(byteTensor(fresh('bytes'), dims, values, elemType)),
    reshape: (tensor, dims) => add('Reshape', [tensor, constant(intTensor(fresh('shape'), dims))]),
    applyTo: (graph) => ({
      ...graph,
      node: [...graph.node, ...nodes],
      initializer: [...graph.initializer, ...constants],
    }),
  };
}

/** Adds `tensor > 0` as bool. */
export function signBits(patch: GraphPatch, tensor: string): string {
  return patch.add('Greater', [tensor, patch.floats([], [0])]);
}

/**
 * Adds per code row the sum of a float tensor of a tap's shape.
 * @param samples - the fixed batch of the session.
 * @returns the name of a tensor with `samples * rowsPerSample` floats.
 */
export function rowSums(patch: GraphPatch, tensor: string, tap: TapGeometry, samples: number): string {
  const { rowsPerSample, layout, info } = tap;
  if (layout === 'rows') {
    const matrix = patch.reshape(tensor, [samples * rowsPerSample, info.codeBits]);
    return patch.add('MatMul', [
      matrix,
      patch.floats([info.codeBits, 1], new Float32Array(info.codeBits).fill(1)),
    ]);
  }
  const planes = patch.reshape(tensor, [samples, info.channels, rowsPerSample]);
  return patch.add('MatMul', [
    patch.floats([1, info.channels], new Float32Array(info.channels).fill(1)),
    planes,
  ]);
}

/** Adds per code row how many elements of a bool tensor of a tap's shape are true, as floats. */
export function rowCounts(patch: GraphPatch, tensor: string, tap: TapGeometry, samples: number): string {
  return rowSums(patch, patch.add('Cast', [tensor], { to: ELEMENT.float }), tap, samples);
}
