// Sums over axes and products of matrices. jax-js has one contraction, `dot`, over the last axis of operands that
// broadcast against each other; which of its dimensions are batches, rows and columns follows from how the operands
// are stored.

import { elementwise, negate, scale, splitScale } from './jaxpr-arithmetic.ts';
import { expand, reshape, storedAs, storedShape, transpose, transposeView } from './jaxpr-views.ts';
import { isFloat, padShape, sizeOf, type Value, type ValueGraph, type View } from './jaxpr-values.ts';

/** What jax-js reduces with. */
export type ReduceOp = 'Add' | 'Mul' | 'Min' | 'Max';

const REDUCERS = { Add: 'ReduceSum', Mul: 'ReduceProd', Min: 'ReduceMin', Max: 'ReduceMax' } as const;

/** Reduces `axes` of a view away. An axis that is only broadcast needs no pass over it: n times the same sum. */
export function reduceView(
  graph: ValueGraph,
  view: View,
  { op, axes }: { readonly op: ReduceOp; readonly axes: readonly number[] },
): View {
  const stored = storedShape(view);
  const kept = view.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const shape = kept.map((axis) => view.shape[axis]!);
  const repeats = sizeOf(axes.map((axis) => (stored[axis] === 1 ? view.shape[axis]! : 1)));
  const passes = axes.filter((axis) => stored[axis]! > 1);
  let { value } = view;
  if (passes.length > 0) value = reduce(graph, reshape(graph, value, stored), { op, axes: passes });
  const target = kept.map((axis) => stored[axis]!);
  value = storedAs(graph, value, target);
  if (repeats !== 1 && op === 'Add') value = times(graph, value, repeats);
  if (repeats !== 1 && op === 'Mul') value = power(graph, value, repeats);
  return { value, shape };
}

function times(graph: ValueGraph, value: Value, count: number): Value {
  return elementwise(graph, 'Mul', [value, graph.constant(count, value.type)], value.type);
}

function power(graph: ValueGraph, value: Value, exponent: number): Value {
  if (exponent === 1) return value;
  const half = power(graph, value, Math.floor(exponent / 2) || 1);
  const square = elementwise(graph, 'Mul', [half, half], value.type);
  return exponent % 2 === 0 ? square : elementwise(graph, 'Mul', [square, value], value.type);
}

function reduce(
  graph: ValueGraph,
  value: Value,
  { op, axes }: { readonly op: ReduceOp; readonly axes: readonly number[] },
): Value {
  const { of, factor } = splitScale(value);
  if (op === 'Add' && factor !== 1 && isFloat(value.type)) {
    return scale(graph, reduce(graph, of, { op, axes }), factor);
  }
  // Dimensions of size 1 that a reshape put in are in the way of other forms of the same sum.
  if (value.op === 'Reshape') {
    const moved = withoutOnes(value, axes);
    if (moved !== null)
      return reshape(graph, reduce(graph, moved.value, { op, axes: moved.axes }), left(value, axes));
  }
  const contracted = op === 'Add' && axes.length === 1 ? outerSum(graph, value, axes[0]!) : null;
  if (contracted !== null) return contracted;
  const last = value.shape.length - 1;
  if (op === 'Add' && last > 0 && axes.length === 1 && axes[0] === last && isFloat(value.type)) {
    return rowSums(graph, value);
  }
  if (op === 'Add' && last === 1 && axes.length === 1 && isFloat(value.type)) return columnSums(graph, value);
  return graph.make(REDUCERS[op], [value], { shape: left(value, axes), type: value.type, params: { axes } });
}

/**
 * The sum of a product that is larger than either of its factors is a contraction of these, and the product need not be
 * stored: gradients of gradients of a layer are `sum_h W[h,k] t[b,h]`, which jax-js spells out as batch times weights.
 */
function outerSum(graph: ValueGraph, value: Value, axis: number): Value | null {
  const product = value.op === 'Transpose' ? value.inputs[0]! : value;
  const larger = product.inputs.every(({ shape }) => sizeOf(shape) < sizeOf(product.shape));
  if (product.op !== 'Mul' || !larger || !isFloat(value.type)) return null;
  const all = value.shape.map((_, i) => i);
  const placed = value.op === 'Transpose' ? (value.params.perm as readonly number[]) : all;
  const perm = [...all.filter((i) => i !== axis), axis].map((i) => placed[i]!);
  const [a, b] = product.inputs.map((factor) =>
    transposeView(graph, { value: factor, shape: product.shape }, perm),
  );
  return reshape(graph, dotView(graph, a!, b!).value, left(value, [axis]));
}

/**
 * Sums along the last axis as a product with ones: ONNX Runtime's own sum adds in an order that depends on where in
 * memory a row begins, so that equal rows would differ in their last bits.
 */
function rowSums(graph: ValueGraph, value: Value): Value {
  const size = value.shape.at(-1)!;
  const ones = expand(graph, graph.constant(1, value.type), [size, 1]);
  return reshape(graph, matmul(graph, value, ones), value.shape.slice(0, -1));
}

/** Sums down a matrix as a product with ones, which takes a third of the time of ONNX Runtime's own sum. */
function columnSums(graph: ValueGraph, value: Value): Value {
  const [rows, columns] = value.shape as [number, number];
  const ones = expand(graph, graph.constant(1, value.type), [1, rows]);
  return reshape(graph, matmul(graph, ones, value), [columns]);
}

function left(value: Value, axes: readonly number[]): number[] {
  return value.shape.filter((_, axis) => !axes.includes(axis));
}

function withoutOnes(value: Value, axes: readonly number[]): { value: Value; axes: number[] } | null {
  const source = value.inputs[0]!;
  const dense = value.shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  const same =
    source.shape.length === dense.length && dense.every((axis, i) => value.shape[axis] === source.shape[i]);
  return same ? { value: source, axes: axes.map((axis) => dense.indexOf(axis)) } : null;
}

/** An operand of `dot` as dimensions of a common rank, the last one contracted. */
interface Operand {
  readonly value: Value;
  readonly stored: readonly number[];
}

/** Contracts the last axis of two views that broadcast against each other. */
export function dotView(graph: ValueGraph, a: View, b: View): View {
  const rank = Math.max(a.shape.length, b.shape.length);
  const full = padShape(a.shape, rank).map((size, axis) => Math.max(size, padShape(b.shape, rank)[axis]!));
  const shape = full.slice(0, -1);
  const [x, y] = [a, b].map(({ value }) => ({
    value,
    stored: padShape(value.shape, rank),
  })) as unknown as readonly [Operand, Operand];
  const inner = full[rank - 1]!;
  const type = a.value.type;
  // Where an operand is the same along the contracted axis it comes out of the sum.
  if (x.stored[rank - 1] === 1 || y.stored[rank - 1] === 1) {
    const [sx, sy] = [x, y].map((operand) => overLast(graph, operand)) as [Operand, Operand];
    const product = elementwise(graph, 'Mul', [sx.value, sy.value], type);
    const both = x.stored[rank - 1] === 1 && y.stored[rank - 1] === 1;
    return { value: both ? times(graph, product, inner) : product, shape };
  }
  const axes = Array.from({ length: rank - 1 }, (_, axis) => axis);
  const stored = (operand: Operand, axis: number) => operand.stored[axis]! > 1;
  const batch = axes.filter((axis) => stored(x, axis) && stored(y, axis));
  const rows = axes.filter((axis) => stored(x, axis) && !stored(y, axis));
  const columns = axes.filter((axis) => !stored(x, axis) && stored(y, axis));
  if (rows.length === 0 && columns.length === 0) return { value: sumOfProducts(graph, x, y), shape };
  const swapped = inOrder([...batch, ...columns, ...rows]) && !inOrder([...batch, ...rows, ...columns]);
  const plan = swapped
    ? { left: y, right: x, batch, rows: columns, columns: rows }
    : { left: x, right: y, batch, rows, columns };
  return { value: multiplied(graph, plan, rank), shape };
}

/** The operand summed over the last axis, or just without it where it is broadcast along it. */
function overLast(graph: ValueGraph, { value, stored }: Operand): Operand {
  const last = stored.length - 1;
  const view = { value, shape: stored };
  const { value: summed } = reduceView(graph, view, { op: 'Add', axes: [last] });
  return { value: summed, stored: stored.slice(0, -1) };
}

function sumOfProducts(graph: ValueGraph, x: Operand, y: Operand): Value {
  const product = elementwise(graph, 'Mul', [x.value, y.value], x.value.type);
  const view = { value: product, shape: x.stored.map((size, axis) => Math.max(size, y.stored[axis]!)) };
  return reduceView(graph, view, { op: 'Add', axes: [x.stored.length - 1] }).value;
}

interface MatrixPlan {
  readonly left: Operand;
  readonly right: Operand;
  readonly batch: readonly number[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

function multiplied(
  graph: ValueGraph,
  { left, right, batch, rows, columns }: MatrixPlan,
  rank: number,
): Value {
  const sizes = (operand: Operand, axes: readonly number[]) => axes.map((axis) => operand.stored[axis]!);
  const batches = batch.length === 0 ? [] : [sizeOf(sizes(left, batch))];
  const inner = left.stored[rank - 1]!;
  const a = arranged(graph, left, [...batch, ...rows, rank - 1]);
  const b = arranged(graph, right, [...batch, rank - 1, ...columns]);
  const m = sizeOf(sizes(left, rows));
  const n = sizeOf(sizes(right, columns));
  const product = matmul(
    graph,
    reshape(graph, a, [...batches, m, inner]),
    reshape(graph, b, [...batches, inner, n]),
  );
  const axes = [...batch, ...rows, ...columns];
  const apart = reshape(graph, product, [
    ...sizes(left, batch),
    ...sizes(left, rows),
    ...sizes(right, columns),
  ]);
  const order = axes.map((_, i) => i).sort((i, j) => axes[i]! - axes[j]!);
  const target = Array.from({ length: rank - 1 }, (_, axis) =>
    Math.max(left.stored[axis]!, right.stored[axis]!),
  );
  return storedAs(graph, transpose(graph, apart, order), target);
}

/** The operand's dimensions in `order`; the others have size 1 and go. */
function arranged(graph: ValueGraph, { value, stored }: Operand, order: readonly number[]): Value {
  const rest = stored.flatMap((_, axis) => (order.includes(axis) ? [] : [axis]));
  return transpose(graph, reshape(graph, value, stored), [...order, ...rest]);
}

function inOrder(axes: readonly number[]): boolean {
  return axes.every((axis, i) => i === 0 || axes[i - 1]! < axis);
}

/** A matrix product, or one per batch; signs move out. */
function matmul(graph: ValueGraph, a: Value, b: Value): Value {
  const left = splitScale(a);
  const right = splitScale(b);
  if (isFloat(a.type) && (left.factor === -1 || right.factor === -1)) {
    const product = matmul(graph, left.factor === -1 ? left.of : a, right.factor === -1 ? right.of : b);
    return left.factor === right.factor ? product : negate(graph, product);
  }
  const shape = [...a.shape.slice(0, -1), b.shape.at(-1)!];
  return graph.make('MatMul', [a, b], { shape, type: a.type });
}
