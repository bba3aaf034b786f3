// Functions and bit tricks for which ONNX Runtime has no operator in every type, out of ones that it has.

import { elementwise, negate, scale } from './jaxpr-arithmetic.ts';
import type { ElementType } from './onnx-program.ts';
import { sizeOf, type Value, type ValueGraph } from './jaxpr-values.ts';

// Chebyshev coefficients on [-1, 1], fitted in 50 digits by test/golden/special/make_special.py.
// log(erfc(z) exp(z^2) / t) in 2 t - 1, t = 2 / (2 + z), for z >= 0.
const ERFC = [
  -0.6513268598908547, 0.6419697923564902, 0.019476473204185836, -0.009561514786808632,
  -0.0009465953444820369, 0.00036683949785276145, 4.252332480690777e-5, -2.0278578112534242e-5,
  -1.6242900046470256e-6, 1.3036558355805232e-6, 1.5626441722066142e-8, -8.523809591492654e-8,
  6.5290544390988515e-9, 5.059343495551469e-9, -9.91364156493033e-10, -2.273651222931836e-10,
  9.646791102015527e-11, 2.3940380830391146e-12, -6.886027526497553e-12, 8.944879273090725e-13,
  3.130921399342958e-13, -1.1270822361367252e-13, 3.810905255189232e-16, 7.106097613609237e-15,
  -1.5230282014571043e-15, -9.457494571291233e-17, 1.210237189224279e-16, -2.816663087747177e-17,
];
// atan(x) / x in 2 (x / tan(pi / 8))^2 - 1, for |x| <= tan(pi / 8).
const ATAN = [
  0.9734102303447442, -0.02595272048264835, 0.0006189529749236903, -1.753749333545473e-5,
  5.405768595016133e-7, -1.7519588845815832e-8, 5.870281888102748e-10, -2.01424319791343e-11,
  7.035532200059104e-13, -2.491686527572419e-14, 8.922736554855606e-16, -3.224307727535369e-17,
];
const TAN_PI_8 = Math.SQRT2 - 1;

/** Binary and unary operators of one type, to write formulas with. */
function algebra(graph: ValueGraph, type: ElementType) {
  const number = (value: number | Value) => (typeof value === 'number' ? graph.constant(value, type) : value);
  const binary = (op: string) => (a: number | Value, b: number | Value) =>
    elementwise(graph, op, [number(a), number(b)], type);
  return {
    add: binary('Add'),
    sub: binary('Sub'),
    mul: binary('Mul'),
    div: binary('Div'),
    max: binary('Max'),
    of: (op: string, a: Value) => elementwise(graph, op, [a], type),
    less: (a: Value, b: number) => elementwise(graph, 'Less', [a, number(b)], 'bool'),
    where: (condition: Value, a: number | Value, b: number | Value) =>
      elementwise(graph, 'Where', [condition, number(a), number(b)], type),
  };
}

/** Clenshaw's sum of a Chebyshev series at `x` in [-1, 1]. */
function chebyshev(graph: ValueGraph, coefficients: readonly number[], x: Value): Value {
  const { add, sub, mul } = algebra(graph, x.type);
  const twice = scale(graph, x, 2);
  let [now, before]: (number | Value)[] = [0, 0];
  for (const coefficient of coefficients.slice(1).toReversed()) {
    [now, before] = [add(sub(mul(twice, now!), before!), coefficient), now];
  }
  return add(sub(mul(x, now!), before!), coefficients[0]!);
}

/** erfc(x), relative error near the type's rounding. */
export function erfc(graph: ValueGraph, x: Value): Value {
  const { add, sub, mul, div, of, less, where } = algebra(graph, x.type);
  const z = of('Abs', x);
  const t = div(2, add(z, 2));
  const log = chebyshev(graph, ERFC, sub(scale(graph, t, 2), 1));
  const tail = mul(t, of('Exp', sub(log, mul(z, z))));
  return where(less(x, 0), sub(2, tail), tail);
}

/** erf(x); ONNX has it in float32 only. */
export function erf(graph: ValueGraph, x: Value): Value {
  if (x.type === 'float32') return elementwise(graph, 'Erf', [x], x.type);
  return algebra(graph, x.type).sub(1, erfc(graph, x));
}

/** atan(x); ONNX Runtime has it in float32 only. */
export function atan(graph: ValueGraph, x: Value): Value {
  if (x.type === 'float32') return elementwise(graph, 'Atan', [x], x.type);
  const { add, sub, mul, div, of, less, where } = algebra(graph, x.type);
  const size = of('Abs', x);
  const inverted = elementwise(graph, 'Less', [graph.constant(1, x.type), size], 'bool');
  const small = where(inverted, of('Reciprocal', size), size);
  const near = less(small, TAN_PI_8);
  const reduced = where(near, small, div(sub(small, 1), add(small, 1)));
  const square = mul(reduced, reduced);
  const series = chebyshev(graph, ATAN, sub(scale(graph, square, 2 / TAN_PI_8 ** 2), 1));
  const angle = add(mul(reduced, series), where(near, 0, Math.PI / 4));
  const positive = where(inverted, sub(Math.PI / 2, angle), angle);
  return where(less(x, 0), negate(graph, positive), positive);
}

/** asin(x) = atan(x / sqrt(1 - x^2)); ONNX Runtime has it in float32 only. */
export function asin(graph: ValueGraph, x: Value): Value {
  if (x.type === 'float32') return elementwise(graph, 'Asin', [x], x.type);
  const { add, sub, mul, div, of } = algebra(graph, x.type);
  return atan(graph, div(x, of('Sqrt', mul(sub(1, x), add(1, x)))));
}

/** Elements from which on five vectorised operators are faster than ONNX Runtime's softplus, which is not (bench `metflow`). */
const LARGE = 2 ** 14;

/** log(1 + exp(x)) without overflow; ONNX Runtime has it in float32 only. */
export function softplus(graph: ValueGraph, x: Value): Value {
  const { add, max, of } = algebra(graph, x.type);
  if (x.type === 'float32' && sizeOf(x.shape) < LARGE) return of('Softplus', x);
  const tail = of('Log', add(of('Exp', negate(graph, of('Abs', x))), 1));
  return add(max(x, 0), tail);
}

/** Bit operators on uint32 values. */
function bits(graph: ValueGraph) {
  const word = (value: number | Value) =>
    typeof value === 'number' ? graph.constant(value, 'uint32') : value;
  const binary = (op: string) => (a: number | Value, b: number | Value) =>
    elementwise(graph, op, [word(a), word(b)], 'uint32');
  return {
    and: binary('BitwiseAnd'),
    or: binary('BitwiseOr'),
    xor: binary('BitwiseXor'),
    add: binary('Add'),
    sub: binary('Sub'),
    mul: binary('Mul'),
    left: binary('ShiftLeft'),
    right: binary('ShiftRight'),
  };
}

/** Number of one bits of uint32 values. */
export function bitCount(graph: ValueGraph, x: Value): Value {
  const { and, add, sub, mul, right } = bits(graph);
  const pairs = sub(x, and(right(x, 1), 0x55555555));
  const fours = add(and(pairs, 0x33333333), and(right(pairs, 2), 0x33333333));
  const bytes = and(add(fours, right(fours, 4)), 0x0f0f0f0f);
  return right(mul(bytes, 0x01010101), 24);
}
