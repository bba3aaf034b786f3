// Arithmetic on jax-js arrays that leaves its operands alone. jax-js counts references and frees an operand with its
// use; formulas that are traced once hold no memory worth freeing, and read better without the counting. Numbers take
// the other operand's type: jax-js itself would round them to single precision.

import './float16-array.ts';
import { lax, nn, numpy as np, type Array as JaxArray } from '@jax-js/jax';

export type { JaxArray };
export type Operand = JaxArray | number;

/** A number in the type of `like`. */
export function number(value: number, like: JaxArray): JaxArray {
  return np.array(value, { dtype: like.dtype });
}

/** Elements known when tracing, in the type of `like`. */
export function constant(values: ArrayLike<number>, dims: readonly number[], like: JaxArray): JaxArray {
  const data = like.dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
  return np.array(data, { shape: [...dims], dtype: like.dtype });
}

/** `dims` filled with a number, in the type of `like`. */
export function filled(value: number, dims: readonly number[], like: JaxArray): JaxArray {
  return np.broadcastTo(number(value, like), [...dims]);
}

export function add(a: Operand, b: Operand): JaxArray {
  return binary(np.add, a, b);
}

export function sub(a: Operand, b: Operand): JaxArray {
  return binary(np.subtract, a, b);
}

export function mul(a: Operand, b: Operand): JaxArray {
  return binary(np.multiply, a, b);
}

export function div(a: Operand, b: Operand): JaxArray {
  return binary(np.trueDivide, a, b);
}

export function minimum(a: Operand, b: Operand): JaxArray {
  return binary(np.minimum, a, b);
}

export function maximum(a: Operand, b: Operand): JaxArray {
  return binary(np.maximum, a, b);
}

/** a < b, as bools. */
export function less(a: Operand, b: Operand): JaxArray {
  return binary(np.less, a, b);
}

export function equal(a: Operand, b: Operand): JaxArray {
  return binary(np.equal, a, b);
}

export function both(a: JaxArray, b: JaxArray): JaxArray {
  return np.logicalAnd(a.ref, b.ref);
}

export function not(a: JaxArray): JaxArray {
  return np.logicalNot(a.ref);
}

export function neg(x: JaxArray): JaxArray {
  return np.negative(x.ref);
}

export function exp(x: JaxArray): JaxArray {
  return np.exp(x.ref);
}

export function log(x: JaxArray): JaxArray {
  return np.log(x.ref);
}

export function sqrt(x: JaxArray): JaxArray {
  return np.sqrt(x.ref);
}

export function sin(x: JaxArray): JaxArray {
  return np.sin(x.ref);
}

export function tanh(x: JaxArray): JaxArray {
  return np.tanh(x.ref);
}

export function sigmoid(x: JaxArray): JaxArray {
  return nn.sigmoid(x.ref);
}

export function square(x: JaxArray): JaxArray {
  return x.ref.mul(x.ref);
}

/** log(1 + exp(x)); compiled, it and its gradient are exact for any x (by pattern). */
export function softplus(x: JaxArray): JaxArray {
  return log(add(exp(x), 1));
}

export function absolute(x: JaxArray): JaxArray {
  return where(less(x, 0), neg(x), x);
}

/** log(exp(a) + exp(b)), for any finite a and b. */
export function logAddExp(a: JaxArray, b: JaxArray): JaxArray {
  return add(b, softplus(sub(a, b)));
}

/** Logarithm of the sum of exponentials along an axis. */
export function logSumExp(x: JaxArray, axis: number): JaxArray {
  return nn.logsumexp(x.ref, axis);
}

export function where(condition: JaxArray, yes: Operand, no: Operand): JaxArray {
  const like = typeof yes === 'number' ? (no as JaxArray) : yes;
  return np.where(condition.ref, operand(yes, like), operand(no, like));
}

/** Sum over axes, or over all. */
export function sum(x: JaxArray, axis: number | readonly number[] | null = null): JaxArray {
  return x.ref.sum(typeof axis === 'number' || axis === null ? axis : [...axis]);
}

export function mean(x: JaxArray): JaxArray {
  return div(
    sum(x),
    x.shape.reduce((product, size) => product * size, 1),
  );
}

export function matmul(a: JaxArray, b: JaxArray): JaxArray {
  return np.matmul(a.ref, b.ref);
}

export function transpose(x: JaxArray): JaxArray {
  return x.ref.transpose();
}

export function reshape(x: JaxArray, dims: readonly number[]): JaxArray {
  return x.ref.reshape([...dims]);
}

export function broadcast(x: JaxArray, dims: readonly number[]): JaxArray {
  return np.broadcastTo(x.ref, [...dims]);
}

export function concatenate(parts: readonly JaxArray[], axis: number): JaxArray {
  return parts.length === 1
    ? parts[0]!
    : np.concatenate(
        parts.map((part) => part.ref),
        axis,
      );
}

/** Pieces of the given sizes along an axis; their gradients join in one node. */
export function split(x: JaxArray, sizes: readonly number[], axis: number): JaxArray[] {
  if (sizes.length === 1) return [x];
  let end = 0;
  return np.split(
    x.ref,
    sizes.slice(0, -1).map((size) => (end += size)),
    axis,
  );
}

/** Columns `[from, to)` of a matrix. */
export function columns(x: JaxArray, from: number, to: number): JaxArray {
  return x.ref.slice([], [from, to]);
}

/** Column `at` of a matrix, as a vector. */
export function column(x: JaxArray, at: number): JaxArray {
  return x.ref.slice([], at);
}

export function row(x: JaxArray, at: number): JaxArray {
  return x.ref.slice(at);
}

/** Rows of a matrix by their numbers, an integer vector. */
export function rowsAt(x: JaxArray, places: JaxArray): JaxArray {
  return x.ref.slice(places.ref);
}

/** A vector as a matrix of one column. */
export function asColumn(x: JaxArray): JaxArray {
  return reshape(x, [x.shape[0]!, 1]);
}

/** The value without its gradient. */
export function stopGradient(x: JaxArray): JaxArray {
  return lax.stopGradient(x.ref);
}

/** 1 where true, in the type of `like`. */
export function indicator(condition: JaxArray, like: JaxArray): JaxArray {
  return where(condition, number(1, like), number(0, like));
}

function binary(op: (a: JaxArray, b: JaxArray) => JaxArray, a: Operand, b: Operand): JaxArray {
  const like = typeof a === 'number' ? (b as JaxArray) : a;
  return op(operand(a, like), operand(b, like));
}

function operand(value: Operand, like: JaxArray): JaxArray {
  return typeof value === 'number' ? number(value, like) : value.ref;
}
