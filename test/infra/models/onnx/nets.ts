// Small graphs of the kinds that users bring, written node by node.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SessionOptions } from '../../../../activities/ports.ts';
import {
  encodeModel,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../../../infra/models/onnx/proto.ts';
import { floatTensor, intTensor, node } from '../../../../infra/models/onnx/tensors.ts';
import { model, normals, weight } from '../../../bench/random-nets.ts';

/** Session options for a file; everything else as small tests want it. */
export function sessionOptions(
  file: string,
  more: Partial<SessionOptions> & Pick<SessionOptions, 'sampleShape'>,
): SessionOptions {
  const base = { file, control: 'none', taps: 'auto', device: 'cpu', threads: 1 } as const;
  return {
    model: base,
    seed: 0,
    granularity: 'image',
    batchSamples: 6,
    threads: 1,
    packing: 'float-simd',
    countAmbiguous: false,
    ...more,
  };
}

/** Writes a model into a folder and returns its path. */
export async function save(folder: string, name: string, net: ModelProto | Uint8Array): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, net instanceof Uint8Array ? net : encodeModel(net));
  return file;
}

/**
 * 2x7x5 images: conv, two branches, concat, max-pool, conv with BatchNorm and residual, LeakyRelu, Clip(0,
 * 6), linear.
 */
export function mixedConvNet(): ModelProto {
  const same = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const nodes: NodeProto[] = [
    node('Conv', ['x', 'w1', 'b1'], ['z1'], same),
    node('Relu', ['z1'], ['a1']),
    node('Conv', ['a1', 'w2', 'b2'], ['z2'], { kernel_shape: [1, 1] }),
    node('Relu', ['z2'], ['a2']),
    node('Conv', ['a1', 'w3', 'b3'], ['z3'], same),
    node('LeakyRelu', ['z3'], ['a3'], { alpha: 0.2 }, ['alpha']),
    node('Concat', ['a2', 'a3'], ['cat'], { axis: 1 }),
    node('MaxPool', ['cat'], ['pool'], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
    node('Conv', ['pool', 'w4'], ['c4'], same),
    node('BatchNormalization', ['c4', 'g4', 's4', 'm4', 'v4'], ['n4'], { epsilon: 1e-5 }, ['epsilon']),
    node('Add', ['n4', 'pool'], ['z4']),
    node('Clip', ['z4', 'zero', 'six'], ['a4']),
    node('GlobalAveragePool', ['a4'], ['gap']),
    node('Flatten', ['gap'], ['flat'], { axis: 1 }),
    node('Gemm', ['flat', 'w5', 'b5'], ['z5'], { transB: 1 }),
    node('PRelu', ['z5', 'slope'], ['a5']),
    node('Gemm', ['a5', 'w6', 'b6'], ['logits'], { transB: 1 }),
  ];
  const initializers: TensorProto[] = [
    weight('w1', [5, 2, 3, 3], 1),
    floatTensor('b1', [5], normals(5, 2, 0.1)),
    weight('w2', [3, 5, 1, 1], 3),
    floatTensor('b2', [3], normals(3, 4, 0.1)),
    weight('w3', [6, 5, 3, 3], 5),
    floatTensor('b3', [6], normals(6, 6, 0.1)),
    weight('w4', [9, 9, 3, 3], 7),
    floatTensor('g4', [9], normals(9, 8)),
    floatTensor('s4', [9], normals(9, 9)),
    floatTensor('m4', [9], normals(9, 10)),
    floatTensor(
      'v4',
      [9],
      normals(9, 11).map((v) => v * v + 0.1),
    ),
    floatTensor('zero', [], [0]),
    floatTensor('six', [], [6]),
    floatTensor('slope', [1], [-0.3]),
    weight('w5', [11, 9], 12),
    floatTensor('b5', [11], normals(11, 13, 0.1)),
    weight('w6', [4, 11], 14),
    floatTensor('b6', [4], normals(4, 15, 0.1)),
  ];
  return model({ nodes, initializers, input: ['batch', 2, 7, 5], output: 'logits', outputRank: 2 });
}

/** How a GELU is written. */
export type GeluForm =
  | 'op'
  | 'erf-div'
  | 'erf-mul'
  | 'erf-half-first'
  | 'tanh-pow'
  | 'tanh-mul'
  | 'tanh-factored'
  | 'tanh-half-last';

export const GELU_FORMS: readonly GeluForm[] = [
  'op',
  'erf-div',
  'erf-mul',
  'erf-half-first',
  'tanh-pow',
  'tanh-mul',
  'tanh-factored',
  'tanh-half-last',
];

/** Nodes from `z` to `a` in one of the forms; constants are named once. */
export function geluNodes(form: GeluForm, z: string, a: string): NodeProto[] {
  const t = (name: string) => `${a}_${name}`;
  const erf = (scale: 'Div' | 'Mul') => [
    node(scale, [z, scale === 'Div' ? 'root2' : 'invroot2'], [t('in')]),
    node('Erf', [t('in')], [t('erf')]),
    node('Add', [t('erf'), 'one'], [t('plus')]),
  ];
  const tanh = (inner: NodeProto[]) => [
    ...inner,
    node('Tanh', [t('in')], [t('tanh')]),
    node('Add', ['one', t('tanh')], [t('plus')]),
  ];
  const cubeByPow = [node('Pow', [z, 'three'], [t('cube')])];
  const cubeByMul = [node('Mul', [z, z], [t('square')]), node('Mul', [t('square'), z], [t('cube')])];
  const sum = [
    node('Mul', ['c3', t('cube')], [t('c3')]),
    node('Add', [z, t('c3')], [t('sum')]),
    node('Mul', [t('sum'), 'c1'], [t('in')]),
  ];
  const halfFirst = [node('Mul', [z, 'half'], [t('half')]), node('Mul', [t('half'), t('plus')], [a])];
  const halfLast = [node('Mul', [z, t('plus')], [t('twice')]), node('Mul', [t('twice'), 'half'], [a])];
  switch (form) {
    case 'op':
      return [node('Gelu', [z], [a])];
    case 'erf-div':
      return [...erf('Div'), ...halfLast];
    case 'erf-mul':
      return [...erf('Mul'), node('Mul', ['half', t('plus')], [t('cdf')]), node('Mul', [t('cdf'), z], [a])];
    case 'erf-half-first':
      return [...erf('Div'), ...halfFirst];
    case 'tanh-pow':
      return [...tanh([...cubeByPow, ...sum]), ...halfFirst];
    case 'tanh-mul':
      return [...tanh([...cubeByMul, ...sum]), ...halfFirst];
    case 'tanh-half-last':
      return [
        ...tanh([...cubeByPow, ...sum]),
        node('Mul', [z, t('plus')], [t('twice')]),
        node('Div', [t('twice'), 'two'], [a]),
      ];
    case 'tanh-factored':
      return [
        ...tanh([
          node('Mul', [z, z], [t('square')]),
          node('Mul', [t('square'), 'c1c3'], [t('q')]),
          node('Add', [t('q'), 'c1'], [t('p')]),
          node('Mul', [t('p'), z], [t('in')]),
        ]),
        ...halfFirst,
      ];
  }
}

const c1 = Math.sqrt(2 / Math.PI);
const GELU_CONSTANTS = [
  ['root2', Math.SQRT2],
  ['invroot2', Math.SQRT1_2],
  ['one', 1],
  ['half', 0.5],
  ['two', 2],
  ['three', 3],
  ['c3', 0.044715],
  ['c1', c1],
  ['c1c3', c1 * 0.044715],
] as const;

/** A text model: embeddings, then one residual MLP block per form with LayerNorm, then logits per token. */
export function tokenNet(
  forms: readonly GeluForm[],
  { vocabulary = 13, width = 6, hidden = 10 } = {},
): ModelProto {
  const nodes: NodeProto[] = [node('Gather', ['embed', 'x'], ['h0'])];
  const initializers: TensorProto[] = [
    weight('embed', [vocabulary, width], 1, 1),
    floatTensor('gain', [width], normals(width, 2)),
    floatTensor('shift', [width], normals(width, 3)),
    ...GELU_CONSTANTS.map(([name, value]) => floatTensor(name, [], [value])),
  ];
  forms.forEach((form, i) => {
    nodes.push(
      node('LayerNormalization', [`h${i}`, 'gain', 'shift'], [`ln${i}`], { axis: -1 }),
      node('MatMul', [`ln${i}`, `up${i}`], [`m${i}`]),
      node('Add', [`ub${i}`, `m${i}`], [`z${i}`]),
      ...geluNodes(form, `z${i}`, `a${i}`),
      node('MatMul', [`a${i}`, `down${i}`], [`d${i}`]),
      node('Add', [`h${i}`, `d${i}`], [`h${i + 1}`]),
    );
    initializers.push(
      weight(`up${i}`, [width, hidden], 10 * i + 4, width),
      floatTensor(`ub${i}`, [hidden], normals(hidden, 10 * i + 5)),
      weight(`down${i}`, [hidden, width], 10 * i + 6, hidden),
    );
  });
  nodes.push(node('MatMul', [`h${forms.length}`, 'head'], ['logits']));
  initializers.push(weight('head', [width, vocabulary], 9, width));
  return model({
    nodes,
    initializers,
    input: ['batch', 'tokens'],
    output: 'logits',
    outputRank: 3,
    elemType: 7,
    opset: 20,
  });
}

/** A one-layer net around the given nodes, from `z` to `a`; `z` is `x w + b` with `x` of width 3. */
export function around(nodes: NodeProto[], constants: TensorProto[] = []): ModelProto {
  const head = [node('MatMul', ['x', 'w'], ['xw']), node('Add', ['xw', 'b'], ['z'])];
  const initializers = [
    weight('w', [3, 4], 1, 3),
    floatTensor('b', [4], normals(4, 2)),
    intTensor('unused', [1]),
    ...constants,
  ];
  const all = [...initializers, ...GELU_CONSTANTS.map(([name, value]) => floatTensor(name, [], [value]))];
  return model({
    nodes: [...head, ...nodes],
    initializers: all,
    input: ['batch', 3],
    output: 'a',
    outputRank: 2,
    opset: 20,
  });
}
