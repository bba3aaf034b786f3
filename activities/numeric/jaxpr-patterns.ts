// Functions that jax-js spells out with exponentials, found again: one operator instead of six, and no overflow.
// Each pattern is what jax-js 0.1 traces after the identities of arithmetic; where one does not match, the spelled
// out form is compiled, which is right too.

import { elementwise, scale, splitScale } from './jaxpr-arithmetic.ts';
import { softplus } from './jaxpr-special.ts';
import { constantOf, isFloat, type Value, type ValueGraph } from './jaxpr-values.ts';

/** The shorter value equal to `value`, or null. */
export function recognise(graph: ValueGraph, value: Value): Value | null {
  if (!isFloat(value.type)) return null;
  switch (value.op) {
    case 'Reciprocal':
      return sigmoidOf(graph, value);
    case 'Log':
      return softplusOf(graph, value);
    case 'Where':
      return absoluteOf(graph, value);
    case 'Mul':
      return sigmoidTimesExp(graph, value) ?? tanhOf(graph, value) ?? tanhGradientOf(graph, value);
    default:
      return null;
  }
}

/** x of exp(x) + 1. */
function exponentPlusOne(value: Value): Value | null {
  if (value.op !== 'Add' || constantOf(value.inputs[1]!) !== 1) return null;
  return value.inputs[0]!.op === 'Exp' ? value.inputs[0]!.inputs[0]! : null;
}

/** 1 / (1 + exp(x)) = sigmoid(-x). */
function sigmoidOf(graph: ValueGraph, value: Value): Value | null {
  const x = exponentPlusOne(value.inputs[0]!);
  return x === null ? null : elementwise(graph, 'Sigmoid', [scale(graph, x, -1)], value.type);
}

/** log(1 + exp(x)), without overflow for large x. */
function softplusOf(graph: ValueGraph, value: Value): Value | null {
  const x = exponentPlusOne(value.inputs[0]!);
  return x === null ? null : softplus(graph, x);
}

/** where(x < 0, -x, x). */
function absoluteOf(graph: ValueGraph, value: Value): Value | null {
  const [condition, yes, no] = value.inputs;
  if (!isNegative(condition!, no!)) return null;
  const { of, factor } = splitScale(yes!);
  return of === no && factor === -1 ? elementwise(graph, 'Abs', [no!], value.type) : null;
}

/** exp(x) sigmoid(-x) = sigmoid(x), wherever the two stand in a product: the gradients of sigmoid and softplus. */
function sigmoidTimesExp(graph: ValueGraph, value: Value): Value | null {
  const factors = factorsOf(value, 4);
  for (const exponential of factors.filter(({ op }) => op === 'Exp')) {
    const x = exponential.inputs[0]!;
    const negated = scale(graph, x, -1);
    const at = factors.findIndex(({ op, inputs }) => op === 'Sigmoid' && inputs[0] === negated);
    if (at === -1) continue;
    const rest = factors.filter((_, i) => i !== at && i !== factors.indexOf(exponential));
    const sigmoid = elementwise(graph, 'Sigmoid', [x], value.type);
    return rest.reduce(
      (product, factor) => elementwise(graph, 'Mul', [product, factor], value.type),
      sigmoid,
    );
  }
  return null;
}

/** The operands of a product of products. */
function factorsOf(value: Value, depth: number): readonly Value[] {
  if (value.op !== 'Mul' || depth === 0) return [value];
  return value.inputs.flatMap((input) => factorsOf(input, depth - 1));
}

/** The other operand of a product that has `factor` as one. */
function cofactor(product: Value, factor: Value): Value | null {
  if (product.op !== 'Mul') return null;
  if (product.inputs[0] === factor) return product.inputs[1]!;
  return product.inputs[1] === factor ? product.inputs[0]! : null;
}

function isNegative(condition: Value, x: Value): boolean {
  return condition.op === 'Less' && condition.inputs[0] === x && constantOf(condition.inputs[1]!) === 0;
}

/** x where `c` is where(x < 0, 1, -1). */
function flippedSign(c: Value): Value | null {
  if (c.op !== 'Where' || constantOf(c.inputs[1]!) !== 1 || constantOf(c.inputs[2]!) !== -1) return null;
  const x = c.inputs[0]!.inputs[0];
  return x !== undefined && isNegative(c.inputs[0]!, x) ? x : null;
}

/** exp(2 x c), the only exponential in jax-js' tanh. */
function tanhExponential(graph: ValueGraph, x: Value, c: Value): Value {
  const product = elementwise(graph, 'Mul', [x, c], x.type);
  return elementwise(graph, 'Exp', [scale(graph, product, 2)], x.type);
}

/** c (e - 1) / (e + 1) with e = exp(2 x c), c = where(x < 0, 1, -1). */
function tanhOf(graph: ValueGraph, value: Value): Value | null {
  for (const c of value.inputs) {
    const x = flippedSign(c);
    if (x === null) continue;
    const { e, ratio } = tanhParts(graph, x, c);
    const quotient = elementwise(
      graph,
      'Mul',
      [elementwise(graph, 'Add', [e, one(graph, x, -1)], x.type), ratio],
      x.type,
    );
    if (cofactor(value, c) === quotient) return elementwise(graph, 'Tanh', [x], x.type);
  }
  return null;
}

function one(graph: ValueGraph, { type }: Value, sign: number): Value {
  return graph.constant(sign, type);
}

/** e and 1 / (e + 1) of jax-js' tanh, the latter as it was recognised. */
function tanhParts(graph: ValueGraph, x: Value, c: Value): { readonly e: Value; readonly ratio: Value } {
  const e = tanhExponential(graph, x, c);
  return { e, ratio: elementwise(graph, 'Sigmoid', [scale(graph, e.inputs[0]!, -1)], x.type) };
}

/**
 * What reverse mode makes of tanh: 2 c e (h r - r r (e - 1) h) with h = g c, r = 1 / (e + 1), which is
 * g (1 - tanh(x)^2). Rebuilt from g and compared, as equal expressions are one value.
 */
function tanhGradientOf(graph: ValueGraph, value: Value): Value | null {
  for (const c of value.inputs) {
    const x = flippedSign(c);
    const rest = x === null ? null : cofactor(value, c);
    if (x === null || rest === null) continue;
    const { of, factor } = splitScale(rest);
    const { e, ratio } = tanhParts(graph, x, c);
    const bracket = cofactor(of, e);
    if (bracket?.op !== 'Sub') continue;
    // A negative g turns the difference round.
    for (const sign of [1, -1]) {
      const [plus, minus] = sign === 1 ? bracket.inputs : bracket.inputs.toReversed();
      const h = cofactor(plus!, ratio);
      const g = h === null ? null : h === c ? one(graph, x, 1) : cofactor(h, c);
      if (h === null || g === null || minus !== tanhSubtrahend(graph, { e, ratio, h })) continue;
      const y = elementwise(graph, 'Tanh', [x], x.type);
      const square = elementwise(graph, 'Mul', [y, y], x.type);
      const slope = elementwise(graph, 'Sub', [one(graph, x, 1), square], x.type);
      return scale(graph, elementwise(graph, 'Mul', [g, slope], x.type), (sign * factor) / 2);
    }
  }
  return null;
}

/** r r (e - 1) h. */
function tanhSubtrahend(graph: ValueGraph, { e, ratio, h }: { e: Value; ratio: Value; h: Value }): Value {
  const below = elementwise(graph, 'Add', [e, one(graph, e, -1)], e.type);
  const squared = elementwise(graph, 'Mul', [ratio, ratio], e.type);
  return elementwise(graph, 'Mul', [squared, elementwise(graph, 'Mul', [below, h], e.type)], e.type);
}
