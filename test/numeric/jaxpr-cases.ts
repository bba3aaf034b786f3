// What the compiler is tested on: one row per primitive or pattern, with shapes and element types.

import '../../activities/numeric/float16-array.ts';
import { grad, lax, nn, numpy as np, scipySpecial, type Array as JaxArray } from '@jax-js/jax';
import type { TensorType } from '../../activities/numeric/onnx-program.ts';

export type Fn = (...args: JaxArray[]) => JaxArray | JaxArray[];
/** Where the sample's numbers lie. */
export type Range = 'any' | 'positive' | 'unit' | 'small';
export interface Case {
  readonly fn: Fn;
  readonly dims: readonly (readonly number[])[];
  readonly range?: Range;
  readonly types?: readonly TensorType[];
}

export const FLOATS: readonly TensorType[] = ['float32', 'float64'];

export const ELEMENTWISE: Record<string, Case> = {
  add: { fn: (a, b) => a.add(b), dims: [[3, 4], [4]], types: [...FLOATS, 'int32', 'uint32', 'bool'] },
  sub: {
    fn: (a, b) => a.sub(b),
    dims: [
      [3, 1],
      [1, 4],
    ],
    types: [...FLOATS, 'int32', 'uint32'],
  },
  mul: { fn: (a, b) => a.mul(b), dims: [[3, 4], []], types: [...FLOATS, 'int32', 'bool'] },
  div: {
    fn: (a, b) => a.div(b),
    dims: [
      [3, 4],
      [3, 4],
    ],
    range: 'positive',
  },
  idiv: {
    fn: (a, b) => a.div(b),
    dims: [
      [3, 4],
      [3, 4],
    ],
    range: 'positive',
    types: ['int32', 'uint32'],
  },
  mod: {
    fn: (a, b) => a.mod(b.add(1)),
    dims: [
      [5, 4],
      [5, 4],
    ],
    range: 'positive',
    types: [...FLOATS, 'int32'],
  },
  'mod of negatives': {
    fn: (a, b) => a.mul(-3).mod(b.add(1)),
    dims: [
      [5, 4],
      [5, 4],
    ],
    range: 'positive',
  },
  min: {
    fn: (a, b) => np.minimum(a, b),
    dims: [
      [3, 4],
      [3, 4],
    ],
    types: [...FLOATS, 'int32', 'uint32', 'bool'],
  },
  max: { fn: (a, b) => np.maximum(a, b), dims: [[3, 4], [4]], types: [...FLOATS, 'int32', 'uint32', 'bool'] },
  neg: { fn: (a) => np.negative(a), dims: [[3, 4]], types: [...FLOATS, 'int32', 'uint32'] },
  reciprocal: { fn: (a) => np.reciprocal(a), dims: [[3, 4]], range: 'positive' },
  floor: { fn: (a) => np.floor(a), dims: [[3, 4]] },
  ceil: { fn: (a) => np.ceil(a), dims: [[3, 4]] },
  trunc: { fn: (a) => np.trunc(a), dims: [[3, 4]] },
  stop_gradient: { fn: (a) => lax.stopGradient(a), dims: [[3, 4]] },
  sin: { fn: (a) => np.sin(a), dims: [[3, 4]] },
  cos: { fn: (a) => np.cos(a), dims: [[3, 4]] },
  asin: { fn: (a) => np.arcsin(a), dims: [[3, 40]], range: 'unit' },
  atan: { fn: (a) => np.arctan(a), dims: [[3, 40]] },
  exp: { fn: (a) => np.exp(a), dims: [[3, 4]] },
  log: { fn: (a) => np.log(a), dims: [[3, 4]], range: 'positive' },
  sqrt: { fn: (a) => np.sqrt(a), dims: [[3, 4]], range: 'positive' },
  erf: { fn: (a) => scipySpecial.erf(a), dims: [[3, 40]], types: ['float32'] },
  // In double precision jax-js approximates these; special-functions.test.ts has 50 digits instead.
  erfc: { fn: (a) => scipySpecial.erfc(a), dims: [[3, 40]], types: ['float32'] },
  tanh: { fn: (a) => np.tanh(a), dims: [[3, 40]] },
  sigmoid: { fn: (a) => nn.sigmoid(a), dims: [[3, 40]] },
  softplus: { fn: (a) => nn.softplus(a), dims: [[3, 40]] },
  less: { fn: (a, b) => a.less(b), dims: [[3, 4], [4]], types: [...FLOATS, 'int32', 'uint32'] },
  lessEqual: { fn: (a, b) => a.lessEqual(b), dims: [[3, 4], [4]], types: [...FLOATS, 'int32'] },
  greater: { fn: (a, b) => a.greater(b), dims: [[3, 4], [4]] },
  equal: { fn: (a, b) => a.equal(b), dims: [[3, 4], [4]], types: [...FLOATS, 'int32', 'uint32', 'bool'] },
  notEqual: { fn: (a, b) => a.notEqual(b), dims: [[3, 4], [4]], types: [...FLOATS, 'int32', 'bool'] },
  where: {
    fn: (a, b) => np.where(a.ref.equal(b.ref), a, b.ref.mul(b)),
    dims: [
      [3, 4],
      [3, 4],
    ],
    types: [...FLOATS, 'int32', 'uint32', 'bool'],
  },
  'cast to int32': {
    fn: (a) => a.astype('int32' as never),
    dims: [[3, 4]],
    types: [...FLOATS, 'uint32', 'bool'],
  },
  'cast to float64': {
    fn: (a) => a.astype('float64' as never),
    dims: [[3, 4]],
    types: ['float32', 'int32', 'bool'],
  },
  'cast to bool': { fn: (a) => a.astype('bool' as never), dims: [[3, 4]], types: ['float32', 'int32'] },
  bitcast: { fn: (a) => a.view('uint32' as never), dims: [[3, 4]], types: ['int32'] },
};

export const STRUCTURE: Record<string, Case> = {
  'sum of all': { fn: (a) => a.sum(), dims: [[3, 4, 2]], types: [...FLOATS, 'int32', 'uint32'] },
  'sum of axes': { fn: (a) => a.sum([0, 2]), dims: [[3, 4, 2]] },
  'sum of a broadcast': { fn: (a) => np.broadcastTo(a, [5, 3, 4]).sum([0, 2]), dims: [[3, 1]] },
  prod: { fn: (a) => a.prod(1), dims: [[3, 4]], types: [...FLOATS, 'int32'] },
  'prod of a broadcast': { fn: (a) => np.broadcastTo(a, [5, 3]).prod(0), dims: [[3]] },
  'sum of an outer product': {
    fn: (a, b) => np.expandDims(a, 2).mul(np.expandDims(b, 0)).sum(1),
    dims: [
      [5, 4],
      [4, 3],
    ],
  },
  'sum of an outer product over an axis of one factor': {
    fn: (a, b) => np.expandDims(a, 2).mul(np.expandDims(b, 1)).sum(2),
    dims: [
      [5, 4],
      [5, 3],
    ],
  },
  'sum of an outer product that shares two axes': {
    fn: (a, b) => np.expandDims(a, 3).mul(np.expandDims(b, 2)).sum(1),
    dims: [
      [5, 4, 2],
      [5, 4, 3],
    ],
  },
  'reduce max': { fn: (a) => a.max(0), dims: [[3, 4]], types: [...FLOATS, 'int32', 'bool'] },
  'reduce min': { fn: (a) => a.min(-1), dims: [[3, 4]], types: [...FLOATS, 'int32', 'bool'] },
  any: { fn: (a) => a.any(1), dims: [[3, 4]], types: ['bool'] },
  all: { fn: (a) => a.all(1), dims: [[3, 4]], types: ['bool'] },
  matmul: {
    fn: (a, b) => np.matmul(a, b),
    dims: [
      [3, 4],
      [4, 5],
    ],
  },
  'matmul of transposes': {
    fn: (a, b) => np.matmul(a.transpose(), b.transpose()),
    dims: [
      [4, 3],
      [5, 4],
    ],
  },
  'matmul and bias': {
    fn: (a, b, c) => np.matmul(a, b).add(c),
    dims: [[3, 4], [4, 5], [5]],
  },
  'matmul and column': {
    fn: (a, b, c) => c.add(np.matmul(a.transpose(), b)),
    dims: [
      [4, 3],
      [4, 5],
      [3, 1],
    ],
  },
  'matmul of a row, added to a matrix': {
    fn: (a, b, c) => np.matmul(a, b).add(c),
    dims: [
      [1, 4],
      [4, 5],
      [3, 5],
    ],
  },
  'batched matmul': {
    fn: (a, b) => np.matmul(a, b),
    dims: [
      [2, 3, 4],
      [2, 4, 5],
    ],
  },
  'matmul broadcast over batches': {
    fn: (a, b) => np.matmul(a, b),
    dims: [
      [6, 2, 3, 4],
      [4, 5],
    ],
  },
  'outer product': { fn: (a, b) => np.outer(a, b), dims: [[3], [4]] },
  'inner product': { fn: (a, b) => np.dot(a, b), dims: [[7], [7]] },
  'dot with a broadcast side': {
    fn: (a, b) => np.matmul(np.broadcastTo(a, [3, 4]), b),
    dims: [
      [3, 1],
      [4, 5],
    ],
  },
  reshape: { fn: (a) => a.reshape([4, 6]), dims: [[3, 4, 2]] },
  'reshape of a broadcast': { fn: (a) => np.broadcastTo(a, [2, 3, 4]).reshape([6, 4]), dims: [[3, 4]] },
  transpose: { fn: (a) => a.transpose([2, 0, 1]), dims: [[3, 4, 2]] },
  'transposes with ones': {
    fn: (a) => a.reshape([3, 1, 4, 2]).transpose([2, 1, 0, 3]).transpose([1, 3, 2, 0]),
    dims: [[3, 4, 2]],
  },
  broadcast: { fn: (a) => np.broadcastTo(a, [5, 3, 4]), dims: [[3, 1]] },
  shrink: { fn: (a) => a.slice([1, 3], [], [1]), dims: [[4, 3, 5]] },
  pad: {
    fn: (a) =>
      np.pad(a, [
        [1, 2],
        [0, 1],
      ]),
    dims: [[3, 4]],
    types: [...FLOATS, 'int32'],
  },
  flip: { fn: (a) => np.flip(a, 1), dims: [[3, 4]] },
  concatenate: {
    fn: (a, b) => np.concatenate([a, b], 1),
    dims: [
      [3, 4],
      [3, 2],
    ],
    types: [...FLOATS, 'int32', 'bool'],
  },
  'concatenate with a broadcast': {
    fn: (a, b) => np.concatenate([np.broadcastTo(a, [3, 4]), b], 1),
    dims: [
      [1, 1],
      [3, 2],
    ],
  },
  split: { fn: (a) => np.split(a, [1, 3], 1), dims: [[3, 7]] },
  'split and join': {
    fn: (a) => {
      const [x, y, z] = np.split(a, [1, 3], 1) as [JaxArray, JaxArray, JaxArray];
      return np.concatenate([z, x, y], 1);
    },
    dims: [[3, 7]],
  },
  gather: { fn: (a) => a.slice([], np.array([2, 0, 2], { dtype: 'int32' as never })), dims: [[3, 4]] },
  'gather of two axes': {
    fn: (a) =>
      a.slice(
        np.array([2, 0, 1], { dtype: 'int32' as never }),
        np.array([1, 3, 3], { dtype: 'int32' as never }),
      ),
    dims: [[3, 4, 2]],
  },
  'scatter by gradient of gather': {
    fn: grad((a: JaxArray) => {
      const taken = a.slice([], np.array([2, 0, 2], { dtype: 'int32' as never }));
      return taken.ref.mul(taken).sum();
    }) as Fn,
    dims: [[3, 4]],
  },
  sort: { fn: (a) => np.sort(a), dims: [[3, 9]] },
  argsort: { fn: (a) => np.argsort(a), dims: [[3, 9]] },
  conv: {
    fn: (x, w) =>
      lax.convGeneralDilated(
        x,
        w,
        [2, 1],
        [
          [1, 1],
          [0, 2],
        ],
      ),
    dims: [
      [2, 3, 7, 6],
      [4, 3, 3, 2],
    ],
  },
  'gradient of conv': {
    fn: grad(
      (x: JaxArray, w: JaxArray) => {
        const y = lax.convGeneralDilated(
          x,
          w,
          [2, 1],
          [
            [1, 1],
            [0, 2],
          ],
        );
        return y.ref.mul(y).sum();
      },
      { argnums: [0, 1] } as never,
    ) as unknown as Fn,
    dims: [
      [2, 3, 7, 6],
      [4, 3, 3, 2],
    ],
  },
  bits: {
    fn: (a, b) => [np.bitwiseAnd(a.ref, b.ref), np.bitwiseOr(a.ref, b.ref), np.bitwiseXor(a, b)],
    dims: [
      [3, 4],
      [3, 4],
    ],
    types: ['int32', 'uint32', 'bool'],
  },
  shifts: {
    fn: (a) => [
      np.leftShift(a.ref, np.array(3, { dtype: 'uint32' as never })),
      np.rightShift(a, np.array(2, { dtype: 'uint32' as never })),
    ],
    dims: [[3, 4]],
    types: ['uint32'],
  },
  'bit count': { fn: (a) => np.bitwiseCount(a), dims: [[3, 4]], types: ['int32', 'uint32'] },
  'logarithm of a sum of exponentials': { fn: (a) => nn.logsumexp(a, 1), dims: [[3, 5]] },
};
