// Small piecewise-linear networks, one per kind of operator that exact geometry takes apart.

import type { ModelProto, NodeProto, TensorProto } from '../../../../../infra/models/onnx/proto.ts';
import { floatTensor, intTensor, node } from '../../../../../infra/models/onnx/tensors.ts';
import { model, normals, weight } from '../../../../bench/random-nets.ts';

export interface SmallNet {
  readonly net: ModelProto;
  readonly shape: readonly number[];
}

const bias = (name: string, size: number, seed: number) =>
  floatTensor(name, [size], normals(size, seed, 0.3));

/** The nodes from an image or vector `x` to `end`, then a linear layer from `[batch, width]`. */
function withHead(
  shape: readonly number[],
  nodes: NodeProto[],
  initializers: TensorProto[],
  { end, width, opset = 17 }: { end: string; width: number; opset?: number },
): SmallNet {
  return {
    shape,
    net: model({
      nodes: [
        ...nodes,
        node('Flatten', [end], ['flat'], { axis: 1 }),
        node('Gemm', ['flat', 'head', 'headBias'], ['logits'], { transB: 1 }),
      ],
      initializers: [...initializers, weight('head', [4, width], 90), bias('headBias', 4, 91)],
      input: ['batch', ...shape],
      output: 'logits',
      outputRank: 2,
      opset,
    }),
  };
}

/** Gemm in both orders and with factors, MatMul with Add, PRelu per unit, LeakyRelu, a closing softmax. */
export function denseVariants(): SmallNet {
  const nodes = [
    node('Gemm', ['x', 'w1', 'b1'], ['z1'], { alpha: 0.5, beta: 2 }, ['alpha', 'beta']),
    node('Relu', ['z1'], ['a1']),
    node('MatMul', ['a1', 'w2'], ['m2']),
    node('Add', ['b2', 'm2'], ['z2']),
    node('PRelu', ['z2', 'slopes'], ['a2']),
    node('Gemm', ['a2', 'w3'], ['z3'], { transB: 1 }),
    node('LeakyRelu', ['z3'], ['a3'], { alpha: 0.2 }, ['alpha']),
    node('Dropout', ['a3'], ['d3']),
    node('Gemm', ['d3', 'w4', 'b4'], ['scores'], { transB: 1 }),
    node('Softmax', ['scores'], ['chances'], { axis: -1 }),
  ];
  const initializers = [
    weight('w1', [5, 9], 1, 5),
    bias('b1', 9, 2),
    weight('w2', [9, 8], 3, 9),
    bias('b2', 8, 4),
    floatTensor('slopes', [8], normals(8, 5)),
    weight('w3', [7, 8], 6),
    weight('w4', [3, 7], 7),
    bias('b4', 3, 8),
  ];
  const net = model({ nodes, initializers, input: ['batch', 5], output: 'chances', outputRank: 2 });
  return { net, shape: [5] };
}

/** Strides, dilations, uneven pads, groups, depthwise, auto_pad; BatchNorm; average pools of every kind. */
export function convolutions(): SmallNet {
  const nodes = [
    node('Conv', ['x', 'w1', 'b1'], ['c1'], { kernel_shape: [3, 2], pads: [2, 0, 1, 1], strides: [2, 1] }),
    node('BatchNormalization', ['c1', 'g', 's', 'm', 'v'], ['z1'], { epsilon: 1e-3 }, ['epsilon']),
    node('Relu', ['z1'], ['a1']),
    node('AveragePool', ['a1'], ['p1'], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
    node('Conv', ['p1', 'w2', 'b2'], ['z2'], {
      kernel_shape: [3, 3],
      group: 3,
      pads: [2, 2, 2, 2],
      dilations: [2, 2],
    }),
    node('Relu', ['z2'], ['a2']),
    node('AveragePool', ['a2'], ['p2'], { kernel_shape: [2, 2], pads: [1, 0, 0, 1], count_include_pad: 1 }),
    node('Conv', ['p2', 'w3'], ['z3'], {
      kernel_shape: [2, 3],
      group: 6,
      auto_pad: 'SAME_UPPER',
      strides: [1, 2],
    }),
    node('Relu', ['z3'], ['a3']),
    node('AveragePool', ['a3'], ['p3'], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
    node('Conv', ['p3', 'w4'], ['z4'], { kernel_shape: [2, 2], auto_pad: 'SAME_LOWER' }),
    node('Relu', ['z4'], ['a4']),
    node('GlobalAveragePool', ['a4'], ['gap']),
  ];
  const initializers = [
    weight('w1', [6, 2, 3, 2], 1),
    bias('b1', 6, 2),
    floatTensor('g', [6], normals(6, 3)),
    floatTensor('s', [6], normals(6, 4)),
    floatTensor('m', [6], normals(6, 5)),
    floatTensor(
      'v',
      [6],
      normals(6, 6).map((value) => value * value + 0.1),
    ),
    weight('w2', [6, 2, 3, 3], 7),
    bias('b2', 6, 8),
    weight('w3', [6, 1, 2, 3], 9),
    weight('w4', [5, 6, 2, 2], 10),
  ];
  return withHead([2, 9, 8], nodes, initializers, { end: 'gap', width: 5 });
}

/** Branches of 1x1, 3x3, 5x5 and a 3x3 max-pool with padding, one behind the other and side by side, joined by Concat. */
export function inceptionBlock(): SmallNet {
  const conv = (x: string, to: string, size: number) =>
    node('Conv', [x, `w_${to}`, `b_${to}`], [`z_${to}`], {
      kernel_shape: [size, size],
      pads: [size >> 1, size >> 1, size >> 1, size >> 1],
    });
  const relu = (to: string) => node('Relu', [`z_${to}`], [`a_${to}`]);
  const nodes = [
    ...[conv('x', 'stem', 3), relu('stem'), conv('a_stem', 'one', 1), relu('one')],
    ...[conv('a_stem', 'low3', 1), relu('low3'), conv('a_low3', 'three', 3), relu('three')],
    ...[conv('a_stem', 'low5', 1), relu('low5'), conv('a_low5', 'five', 5), relu('five')],
    node('MaxPool', ['a_stem'], ['pooled'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] }),
    ...[conv('pooled', 'pool', 1), relu('pool')],
    node('Concat', ['a_one', 'a_three', 'a_five', 'a_pool'], ['joined'], { axis: 1 }),
    node('MaxPool', ['joined'], ['small'], {
      kernel_shape: [3, 2],
      strides: [2, 2],
      pads: [0, 1, 1, 0],
      ceil_mode: 1,
    }),
    ...[conv('small', 'last', 3), relu('last')],
    node('GlobalMaxPool', ['a_last'], ['top']),
  ];
  const sizes = {
    stem: [4, 1, 3],
    one: [3, 4, 1],
    low3: [2, 4, 1],
    three: [3, 2, 3],
    low5: [2, 4, 1],
    five: [2, 2, 5],
  };
  const more = { pool: [2, 4, 1], last: [5, 10, 3] };
  const initializers = Object.entries({ ...sizes, ...more }).flatMap(
    ([name, [out = 1, into = 1, side = 1]], i) => [
      weight(`w_${name}`, [out, into, side, side], 2 * i + 1),
      bias(`b_${name}`, out, 2 * i + 2),
    ],
  );
  return withHead([1, 7, 6], nodes, initializers, { end: 'top', width: 5 });
}

/** Two residual sums, one over a whole block, with Clip(0, 6), a shared pre-activation, and Sub, Mul and Div by constants. */
export function residual(): SmallNet {
  const dense = (x: string, to: string) => [
    node('MatMul', [x, `w_${to}`], [`m_${to}`]),
    node('Add', [`m_${to}`, `b_${to}`], [to]),
  ];
  const nodes = [
    ...dense('x', 'z1'),
    node('Clip', ['z1', 'zero', 'six'], ['a1']),
    node('Relu', ['z1'], ['open']),
    ...dense('a1', 'z2'),
    node('LeakyRelu', ['z2'], ['a2'], { alpha: -0.3 }, ['alpha']),
    node('Add', ['a2', 'open'], ['sum1']),
    ...dense('sum1', 'z3'),
    node('Max', ['zero', 'z3'], ['a3']),
    node('Sub', ['a3', 'shift'], ['s3']),
    node('Mul', ['gain', 's3'], ['g3']),
    node('Div', ['g3', 'two'], ['h3']),
    node('Neg', ['h3'], ['n3']),
    node('Sum', ['n3', 'a1', 'sum1'], ['sum2']),
    node('Relu', ['sum2'], ['a4']),
  ];
  const initializers = [
    ...['z1', 'z2', 'z3'].flatMap((name, i) => [
      floatTensor(`w_${name}`, [6, 6], normals(36, 3 * i + 1, 1)),
      bias(`b_${name}`, 6, 3 * i + 2),
    ]),
    floatTensor('zero', [], [0]),
    floatTensor('six', [], [1.5]),
    floatTensor('two', [1], [2]),
    floatTensor('shift', [1, 6], normals(6, 20)),
    floatTensor('gain', [6], normals(6, 21)),
  ];
  return withHead([6], nodes, initializers, { end: 'a4', width: 6 });
}

/** Pad, Transpose, Slice, Split, Gather, Squeeze, Unsqueeze, Reshape, ReduceMean, Mean and MatMul from the left. */
export function layouts(): SmallNet {
  const nodes = [
    node('Pad', ['x', 'pads', 'fill'], ['padded'], { mode: 'constant' }),
    node('Transpose', ['padded'], ['turned'], { perm: [0, 2, 1] }),
    node('MatMul', ['left', 'turned'], ['z1']),
    node('Relu', ['z1'], ['a1']),
    node('Split', ['a1', 'parts'], ['first', 'second'], { axis: 1 }),
    node('Slice', ['second', 'starts', 'ends', 'axes', 'steps'], ['cut']),
    node('Unsqueeze', ['first', 'one'], ['wide']),
    node('Squeeze', ['wide', 'one'], ['narrow']),
    node('Gather', ['narrow', 'places'], ['picked'], { axis: 2 }),
    node('Mean', ['picked', 'cut'], ['mean']),
    node('MatMul', ['mean', 'right'], ['z2']),
    node('Relu', ['z2'], ['a2']),
    node('ReduceMean', ['a2'], ['reduced'], { axes: [-1], keepdims: 0 }),
    node('Reshape', ['reduced', 'shape'], ['end']),
  ];
  const initializers = [
    intTensor('pads', [0, 1, 0, 0, 0, 2]),
    floatTensor('fill', [], [0.5]),
    weight('left', [5, 6], 1, 6),
    intTensor('parts', [2, 3]),
    intTensor('starts', [1, -3]),
    intTensor('ends', [2 ** 40, 2 ** 40]),
    intTensor('axes', [1, -1]),
    intTensor('steps', [1, 2]),
    intTensor('one', [1]),
    intTensor('places', [3, 0]),
    weight('right', [2, 3], 2, 2),
    intTensor('shape', [0, -1]),
  ];
  return withHead([3, 4], nodes, initializers, { end: 'end', width: 2 });
}
