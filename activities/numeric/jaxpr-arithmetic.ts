// Elementwise operators with the identities that gradients are full of: x + 0, x * 1, signs and constants that
// collect, two halves of a `where` that add up. Signs move outwards until a subtraction takes them.

import type { ElementType } from './onnx-program.ts';
import { addNeighbours } from './jaxpr-joins.ts';
import { reshape, transpose } from './jaxpr-views.ts';
import {
  broadcastShape,
  constantOf,
  isFloat,
  sameShape,
  type Value,
  type ValueGraph,
} from './jaxpr-values.ts';

type Fold = (...operands: number[]) => number;

const FOLDS: Readonly<Record<string, Fold>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Min: Math.min,
  Max: Math.max,
  Neg: (a) => -a,
  Reciprocal: (a) => 1 / a,
  Exp: Math.exp,
  Log: Math.log,
  Sqrt: Math.sqrt,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Sin: Math.sin,
  Cos: Math.cos,
};

const COMMUTES = new Set(['Add', 'Mul', 'Min', 'Max', 'And', 'Or', 'Xor', 'Equal']);

type Rule = (graph: ValueGraph, operands: readonly Value[]) => Value | null;

const RULES: Readonly<Record<string, Rule>> = {
  Add: simplifyAdd,
  Sub: simplifySub,
  Mul: simplifyMul,
  Where: simplifyWhere,
};

/**
 * An elementwise ONNX operator on operands that broadcast. The result may be stored smaller than their broadcast
 * shape (a product with 0 is a scalar 0), which the views above make up for.
 */
export function elementwise(
  graph: ValueGraph,
  op: string,
  operands: readonly Value[],
  type: ElementType,
): Value {
  const ordered = COMMUTES.has(op) ? operands.toSorted(constantsLast) : operands;
  const folded = fold(graph, op, ordered, type);
  if (folded !== null) return folded;
  if (isFloat(type) || op === 'Where') {
    const simpler = RULES[op]?.(graph, ordered) ?? null;
    if (simpler !== null) return simpler;
  }
  const below = beforeMoves(graph, op, ordered, type);
  if (below !== null) return below;
  const shape = broadcastShape(ordered.map((operand) => operand.shape));
  const value = graph.make(op, ordered, { shape, type });
  return graph.recognise(value) ?? value;
}

/** `value` times a number. */
export function scale(graph: ValueGraph, value: Value, factor: number): Value {
  return elementwise(graph, 'Mul', [value, graph.constant(factor, value.type)], value.type);
}

export function negate(graph: ValueGraph, value: Value): Value {
  if (isFloat(value.type)) return scale(graph, value, -1);
  return elementwise(graph, 'Sub', [graph.constant(0, value.type), value], value.type);
}

/** `x` and `c` where `value` is `x * c` with a constant c; c = 1 where there is none. */
export function splitScale(value: Value): { readonly of: Value; readonly factor: number } {
  const factor = value.op === 'Mul' ? constantOf(value.inputs[1]!) : null;
  return factor === null ? { of: value, factor: 1 } : { of: value.inputs[0]!, factor };
}

function constantsLast(a: Value, b: Value): number {
  return Number(a.op === 'Const') - Number(b.op === 'Const') || a.id - b.id;
}

function fold(graph: ValueGraph, op: string, operands: readonly Value[], type: ElementType): Value | null {
  const rule = FOLDS[op];
  const numbers = operands.map(constantOf);
  if (!isFloat(type) || rule === undefined || numbers.includes(null)) return null;
  return graph.constant(rule(...(numbers as number[])), type);
}

/** Operands that were all reshaped, or all transposed, alike: the arithmetic goes first and the move after it. */
function beforeMoves(
  graph: ValueGraph,
  op: string,
  operands: readonly Value[],
  type: ElementType,
): Value | null {
  const moving = operands.filter(({ shape }) => shape.length > 0);
  const first = moving[0];
  const source = first?.inputs[0];
  if (first === undefined || source === undefined) return null;
  if (first.op !== 'Reshape' && first.op !== 'Transpose') return null;
  const alike = moving.every(
    (one) =>
      one.op === first.op &&
      sameShape(one.shape, first.shape) &&
      sameShape(one.inputs[0]!.shape, source.shape) &&
      JSON.stringify(one.params) === JSON.stringify(first.params),
  );
  if (!alike) return null;
  const inner = operands.map((one) => (one.shape.length > 0 ? one.inputs[0]! : one));
  const result = elementwise(graph, op, inner, type);
  // A simplification may have stored less: then only the plain way keeps the broadcast right.
  if (result.shape.length === 0) return result;
  if (!sameShape(result.shape, source.shape)) return null;
  if (first.op === 'Reshape') return reshape(graph, result, first.shape);
  return transpose(graph, result, first.params.perm as readonly number[]);
}

function simplifyAdd(graph: ValueGraph, [a, b]: readonly Value[]): Value | null {
  const type = a!.type;
  const number = constantOf(b!);
  if (number === 0) return a!;
  const nested = a!.op === 'Add' ? constantOf(a!.inputs[1]!) : null;
  if (number !== null && nested !== null) {
    return elementwise(graph, 'Add', [a!.inputs[0]!, graph.constant(number + nested, type)], type);
  }
  if (number !== null) return null;
  const left = splitScale(a!);
  const right = splitScale(b!);
  if (left.factor === right.factor && left.factor !== 1) {
    return scale(graph, elementwise(graph, 'Add', [left.of, right.of], type), left.factor);
  }
  if (right.factor === -1) return elementwise(graph, 'Sub', [a!, right.of], type);
  if (left.factor === -1) return elementwise(graph, 'Sub', [b!, left.of], type);
  return joinSelections(graph, a!, { b: b!, sign: 1 }) ?? addNeighbours(graph, a!, b!);
}

function simplifySub(graph: ValueGraph, [a, b]: readonly Value[]): Value | null {
  const type = a!.type;
  const number = constantOf(b!);
  if (number !== null) return elementwise(graph, 'Add', [a!, graph.constant(-number, type)], type);
  if (constantOf(a!) === 0) return negate(graph, b!);
  const left = splitScale(a!);
  const right = splitScale(b!);
  if (left.factor === right.factor && left.factor !== 1) {
    return scale(graph, elementwise(graph, 'Sub', [left.of, right.of], type), left.factor);
  }
  if (right.factor === -1) return elementwise(graph, 'Add', [a!, right.of], type);
  if (left.factor === -1) return negate(graph, elementwise(graph, 'Add', [left.of, b!], type));
  return joinSelections(graph, a!, { b: b!, sign: -1 });
}

function simplifyMul(graph: ValueGraph, [a, b]: readonly Value[]): Value | null {
  const type = a!.type;
  const number = constantOf(b!);
  if (number !== null) return scaled(graph, a!, number);
  const left = splitScale(a!);
  const right = splitScale(b!);
  const both = left.factor * right.factor;
  // A sign moves out and is taken by a later subtraction; other factors only where two of them meet.
  if (left.factor === -1 || right.factor === -1 || (left.factor !== 1 && right.factor !== 1)) {
    const product = elementwise(graph, 'Mul', [left.of, right.of], type);
    return both === 1 ? product : scale(graph, product, both);
  }
  return null;
}

/** `a * number`. 0 * a counts as 0 also where a is not finite: such products come from branches without influence. */
function scaled(graph: ValueGraph, a: Value, number: number): Value | null {
  const { type } = a;
  if (number === 0) return graph.constant(0, type);
  if (number === 1) return a;
  const inner = splitScale(a);
  if (inner.factor !== 1) return scale(graph, inner.of, inner.factor * number);
  if (number === -1 && a.op === 'Sub') return elementwise(graph, 'Sub', [a.inputs[1]!, a.inputs[0]!], type);
  const constants = a.op === 'Where' ? a.inputs.slice(1).filter((branch) => branch.op === 'Const').length : 0;
  if (constants === 2 || (constants === 1 && number !== -1)) {
    const [condition, yes, no] = a.inputs;
    const branches = [scale(graph, yes!, number), scale(graph, no!, number)];
    return elementwise(graph, 'Where', [condition!, ...branches], type);
  }
  return null;
}

function simplifyWhere(graph: ValueGraph, [condition, yes, no]: readonly Value[]): Value | null {
  if (yes === no) return yes!;
  const { type } = yes!;
  const known = constantOf(condition!);
  if (known !== null) return known === 0 ? no! : yes!;
  if (condition!.op === 'Not') return elementwise(graph, 'Where', [condition!.inputs[0]!, no!, yes!], type);
  if (!isFloat(type)) return null;
  const left = splitScale(yes!);
  const right = splitScale(no!);
  // One selection of two numbers serves a leaky unit and its gradient alike.
  if (left.of === right.of) {
    const factors = [graph.constant(left.factor, type), graph.constant(right.factor, type)];
    if (left.factor === -right.factor && Math.abs(left.factor) === 1) return null;
    return elementwise(
      graph,
      'Mul',
      [left.of, elementwise(graph, 'Where', [condition!, ...factors], type)],
      type,
    );
  }
  if (left.factor === -1 && right.factor === -1) {
    return negate(graph, elementwise(graph, 'Where', [condition!, left.of, right.of], type));
  }
  return null;
}

/** where(c, x, 0) ± where(c, 0, y) = where(c, x, ±y): what the gradient of every `where` ends in. */
function joinSelections(graph: ValueGraph, a: Value, { b, sign }: { b: Value; sign: 1 | -1 }): Value | null {
  if (a.op !== 'Where' || b.op !== 'Where' || a.inputs[0] !== b.inputs[0]) return null;
  if (!sameShape(a.shape, b.shape)) return null;
  const [condition, x, y] = a.inputs;
  const [, u, v] = b.inputs;
  const zero = (value: Value) => constantOf(value) === 0;
  if (!(zero(x!) || zero(u!)) || !(zero(y!) || zero(v!))) return null;
  const branches = [zero(x!) ? scale(graph, u!, sign) : x!, zero(y!) ? scale(graph, v!, sign) : y!];
  return elementwise(graph, 'Where', [condition!, ...branches], a.type);
}
