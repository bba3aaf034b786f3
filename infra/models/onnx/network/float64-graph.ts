// A graph in float64, written with the operators that ONNX Runtime's CPU provider computes in double precision (opset 13).
// The first axis of every tensor is that of the points and stays free.

import type { GraphProto, ModelProto, NodeProto, TensorProto } from '../proto.ts';
import { ELEMENT, elements, node } from '../tensors.ts';

const OPSET = 13;

/** Collects nodes and constants; every tensor has a fresh name. */
export interface Float64Graph {
  /** Adds a node with one output and returns the output's name. */
  add(
    opType: string,
    inputs: readonly string[],
    attributes?: Record<string, number | readonly number[] | string>,
  ): string;
  /** Adds a node with the operator and attributes of `original`. */
  copy(original: NodeProto, inputs: readonly string[]): string;
  doubles(dims: readonly number[], values: Float64Array): string;
  integers(dims: readonly number[], values: ArrayLike<number>): string;
  /** `tensor` with shape `[points x dims[0], ...]`; the first size is worked out by the runtime. */
  reshape(tensor: string, dims: readonly number[]): string;
  /** Most entries per point of a tensor that was reshaped: columns of convolutions are. */
  largest(): number;
  /** The model from `input` of `width` columns to `tensor`, which it gives out under another name. */
  model(
    input: { readonly name: string; readonly width: number },
    output: { readonly name: string; readonly tensor: string },
  ): {
    readonly model: ModelProto;
    readonly graph: GraphProto;
  };
}

/** An empty graph. */
export function createFloat64Graph(): Float64Graph {
  const nodes: NodeProto[] = [];
  const constants: TensorProto[] = [];
  let largest = 0;
  const fresh = () => `t${nodes.length + constants.length}`;
  function constant(tensor: TensorProto): string {
    constants.push(tensor);
    return tensor.name ?? '';
  }
  const graph: Float64Graph = {
    add(opType, inputs, attributes = {}) {
      const output = fresh();
      nodes.push(node(opType, inputs, [output], attributes));
      return output;
    },
    copy({ opType, attribute }, inputs) {
      const output = fresh();
      nodes.push({ opType, attribute, input: [...inputs], output: [output], name: output });
      return output;
    },
    doubles: (dims, values) =>
      constant({ name: fresh(), dims: [...dims], dataType: ELEMENT.double, rawData: bytesOf(values) }),
    integers: (dims, values) =>
      constant({ name: fresh(), dims: [...dims], dataType: ELEMENT.int64, rawData: bytesOf(wide(values)) }),
    reshape(tensor, dims) {
      largest = Math.max(largest, elements(dims));
      return graph.add('Reshape', [tensor, graph.integers([dims.length], [-1, ...dims.slice(1)])]);
    },
    largest: () => largest,
    model({ name, width }, output) {
      const dim = [{ dimParam: 'points' }, { dimValue: width }];
      const input = { name, type: { tensorType: { elemType: ELEMENT.double, shape: { dim } } } };
      const built: GraphProto = {
        name: 'step',
        node: [...nodes, node('Identity', [output.tensor], [output.name])],
        initializer: constants,
        input: [input],
        output: [{ name: output.name, type: { tensorType: { elemType: ELEMENT.double } } }],
        valueInfo: [],
      };
      return {
        graph: built,
        model: { irVersion: 8, opsetImport: [{ domain: '', version: OPSET }], graph: built },
      };
    },
  };
  return graph;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array | BigInt64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

// Exports write the largest int64 for "to the end"; as a float it has been rounded up by one.
function wide(values: ArrayLike<number>): BigInt64Array {
  const limit = 2n ** 63n - 1n;
  return BigInt64Array.from(Array.from(values), (value) => {
    const big = BigInt(value);
    return big > limit ? limit : big;
  });
}
