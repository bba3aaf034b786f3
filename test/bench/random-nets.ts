// Nets with random weights for benches and tests, written with the project's own protobuf writer.

import {
  encodeModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../infra/models/onnx/proto.ts';
import { floatTensor, node } from '../../infra/models/onnx/tensors.ts';

/** A small generator that has nothing to do with the product's. */
export function testRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Normal values by Box and Muller. */
export function normals(count: number, seed: number, scale = 1): Float32Array {
  const random = testRandom(seed);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return scale * radius * Math.cos(2 * Math.PI * random());
  });
}

/** A random weight of the shape, scaled by its fan-in. */
export function weight(name: string, dims: readonly number[], seed: number, fanIn?: number): TensorProto {
  const count = dims.reduce((a, b) => a * b, 1);
  return floatTensor(name, dims, normals(count, seed, Math.sqrt(2 / (fanIn ?? count / (dims[0] ?? 1)))));
}

/** A model around nodes: one float input (unless `elemType`), one output, first dimension free. */
export function model(options: {
  readonly nodes: NodeProto[];
  readonly initializers: TensorProto[];
  readonly input: readonly (number | string)[];
  readonly output: string;
  readonly outputRank: number;
  readonly elemType?: number;
  readonly opset?: number;
}): ModelProto {
  const dim = (size: number | string) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size });
  const graph: GraphProto = {
    name: 'net',
    node: options.nodes,
    initializer: options.initializers,
    input: [
      {
        name: 'x',
        type: { tensorType: { elemType: options.elemType ?? 1, shape: { dim: options.input.map(dim) } } },
      },
    ],
    output: [
      {
        name: options.output,
        type: {
          tensorType: {
            elemType: 1,
            shape: { dim: Array.from({ length: options.outputRank }, (_, i) => dim(`o${i}`)) },
          },
        },
      },
    ],
    valueInfo: [],
  };
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: options.opset ?? 17 }],
    producerName: 'test',
    graph,
  };
}

/** A ReLU MLP with Gemm layers (`transB`), pre-activations z1, z2, ... */
export function mlpNet(widths: readonly number[], seed = 1): Uint8Array {
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  let from = 'x';
  for (let layer = 1; layer < widths.length; layer++) {
    const [fan, width] = [widths[layer - 1] as number, widths[layer] as number];
    initializers.push(
      weight(`w${layer}`, [width, fan], seed * 100 + layer),
      floatTensor(`b${layer}`, [width], normals(width, seed * 100 + 50 + layer, 0.1)),
    );
    const last = layer === widths.length - 1;
    nodes.push(
      node('Gemm', [from, `w${layer}`, `b${layer}`], [last ? 'logits' : `z${layer}`], { transB: 1 }),
    );
    if (!last) nodes.push(node('Relu', [`z${layer}`], [`a${layer}`]));
    from = `a${layer}`;
  }
  return encodeModel(
    model({ nodes, initializers, input: ['batch', widths[0] as number], output: 'logits', outputRank: 2 }),
  );
}

/**
 * The conv net of the packing figures: 3x3 conv 32, 64/2, 128/2 on 3x32x32 (or another shape), then mean and linear; 57,344 bits
 * an image.
 */
export function convNet({
  seed = 1,
  shape = [3, 32, 32] as readonly [number, number, number],
} = {}): Uint8Array {
  const layers = [
    [shape[0], 32, 1],
    [32, 64, 2],
    [64, 128, 2],
  ] as const;
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  let from = 'x';
  layers.forEach(([input, output, stride], i) => {
    const at = i + 1;
    initializers.push(
      weight(`w${at}`, [output, input, 3, 3], seed * 100 + at),
      floatTensor(`b${at}`, [output], normals(output, seed * 100 + 50 + at, 0.1)),
    );
    nodes.push(
      node('Conv', [from, `w${at}`, `b${at}`], [`z${at}`], {
        kernel_shape: [3, 3],
        pads: [1, 1, 1, 1],
        strides: [stride, stride],
      }),
    );
    nodes.push(node('Relu', [`z${at}`], [`a${at}`]));
    from = `a${at}`;
  });
  initializers.push(
    weight('wo', [10, 128], seed * 100 + 9),
    floatTensor('bo', [10], normals(10, seed * 100 + 59, 0.1)),
  );
  nodes.push(node('GlobalAveragePool', ['a3'], ['gap']), node('Flatten', ['gap'], ['flat'], { axis: 1 }));
  nodes.push(node('Gemm', ['flat', 'wo', 'bo'], ['logits'], { transB: 1 }));
  return encodeModel(
    model({ nodes, initializers, input: ['batch', ...shape], output: 'logits', outputRank: 2 }),
  );
}
