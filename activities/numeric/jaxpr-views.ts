// Moving elements without arithmetic. Broadcasts stay implicit, reshapes merge, and transposes are reduced to the
// smallest permutation that says the same: what remains is what a memory layout really needs.

import {
  constantOf,
  isFloat,
  padShape,
  sameShape,
  sizeOf,
  type Value,
  type ValueGraph,
  type View,
} from './jaxpr-values.ts';

/** The same elements in another shape of equal size. */
export function reshape(graph: ValueGraph, value: Value, shape: readonly number[]): Value {
  if (sameShape(value.shape, shape)) return value;
  const source = value.op === 'Reshape' ? value.inputs[0]! : value;
  if (sameShape(source.shape, shape)) return source;
  return graph.make('Reshape', [source], { shape, type: value.type });
}

/** Permuted dimensions. Dimensions of size 1 and neighbours that move together need no permutation of their own. */
export function transpose(graph: ValueGraph, value: Value, perm: readonly number[]): Value {
  const shape = perm.map((axis) => value.shape[axis]!);
  const moved = perm.filter((axis) => value.shape[axis] !== 1);
  const runs: number[][] = [];
  for (const axis of moved) {
    const last = runs.at(-1);
    if (last !== undefined && nextAxis(value.shape, last.at(-1)!) === axis) last.push(axis);
    else runs.push([axis]);
  }
  if (runs.length < 2) return reshape(graph, value, shape);
  const inOrder = runs.toSorted((a, b) => a[0]! - b[0]!);
  const sizes = inOrder.map((run) => sizeOf(run.map((axis) => value.shape[axis]!)));
  const order = runs.map((run) => inOrder.indexOf(run));
  const source = reshape(graph, value, sizes);
  if (source.op === 'Transpose') {
    const before = source.params.perm as readonly number[];
    const both = transpose(
      graph,
      source.inputs[0]!,
      order.map((axis) => before[axis]!),
    );
    return reshape(graph, both, shape);
  }
  // (A B)' = B' A': a product takes its factors either way round at no cost, a large result is slow to turn.
  if (source.op === 'MatMul' && source.shape.length === 2 && isFloat(source.type)) {
    const [b, a] = source.inputs.toReversed().map((factor) => transpose(graph, factor, [1, 0]));
    const turned = { shape: source.shape.toReversed(), type: source.type };
    return reshape(graph, graph.make('MatMul', [b!, a!], turned), shape);
  }
  const swapped = graph.make('Transpose', [source], {
    shape: order.map((axis) => sizes[axis]!),
    type: value.type,
    params: { perm: order },
  });
  return reshape(graph, swapped, shape);
}

function nextAxis(shape: readonly number[], axis: number): number {
  let next = axis + 1;
  while (shape[next] === 1) next++;
  return next;
}

/** Repeats dimensions of size 1 (and missing ones on the left). */
export function expand(graph: ValueGraph, value: Value, shape: readonly number[]): Value {
  if (sameShape(value.shape, shape)) return value;
  if (sizeOf(shape) === sizeOf(value.shape)) return reshape(graph, value, shape);
  const source = value.op === 'Expand' ? value.inputs[0]! : value;
  return graph.make('Expand', [source], { shape, type: value.type });
}

/** A view's dimensions as they are stored: its rank, 1 where it is broadcast. */
export function storedShape({ value, shape }: View): number[] {
  return padShape(value.shape, shape.length);
}

/** The view with every element stored. */
export function materialise(graph: ValueGraph, view: View): Value {
  return expand(graph, view.value, view.shape);
}

/** The view with the given axes stored in full, the others as they are. */
export function materialiseAxes(graph: ValueGraph, view: View, axes: readonly number[]): View {
  const stored = storedShape(view);
  const shape = stored.map((size, axis) => (axes.includes(axis) ? view.shape[axis]! : size));
  return sameShape(stored, shape) ? view : { value: expand(graph, view.value, shape), shape: view.shape };
}

/** `value` with `stored` as its dimensions; ones on the left need no reshape, they are implied. */
export function storedAs(graph: ValueGraph, value: Value, stored: readonly number[]): Value {
  const needed = withoutLeadingOnes(stored);
  if (sameShape(withoutLeadingOnes(value.shape), needed) && value.shape.length <= stored.length) return value;
  return reshape(graph, value, needed);
}

function withoutLeadingOnes(shape: readonly number[]): readonly number[] {
  const first = shape.findIndex((size) => size !== 1);
  return first === -1 ? [] : shape.slice(first);
}

/** jax-js `broadcast`: `axes` are the dimensions of `shape` that the input lacks. */
export function broadcastView(
  graph: ValueGraph,
  view: View,
  { shape, axes }: { shape: readonly number[]; axes: readonly number[] },
): View {
  const stored = storedShape(view);
  let next = 0;
  const target = shape.map((_, axis) => (axes.includes(axis) ? 1 : stored[next++]!));
  return { value: storedAs(graph, view.value, target), shape };
}

export function transposeView(graph: ValueGraph, view: View, perm: readonly number[]): View {
  const stored = storedShape(view);
  const shape = perm.map((axis) => view.shape[axis]!);
  if (sizeOf(stored) === 1) return { value: view.value, shape };
  const moved = transpose(graph, reshape(graph, view.value, stored), perm);
  return { value: storedAs(graph, moved, moved.shape), shape };
}

/** Reshapes without expanding, wherever broadcast dimensions do not mix with stored ones. */
export function reshapeView(graph: ValueGraph, view: View, shape: readonly number[]): View {
  if (constantOf(view.value) !== null) return { value: view.value, shape };
  const stored = storedShape(view);
  const target: number[] = [];
  const mixed: number[] = [];
  for (const { from, to } of alignedGroups(view.shape, shape)) {
    const sizes = to.map((axis) => shape[axis]!);
    const kept = sizeOf(from.map((axis) => stored[axis]!));
    if (kept === sizeOf(sizes)) target.push(...sizes);
    else if (kept === 1) target.push(...sizes.map(() => 1));
    else {
      target.push(...sizes);
      mixed.push(...from);
    }
  }
  const { value } = materialiseAxes(graph, view, mixed);
  return { value: storedAs(graph, value, target), shape };
}

/** The smallest runs of dimensions of two shapes of equal size that hold the same elements. */
function alignedGroups(from: readonly number[], to: readonly number[]): { from: number[]; to: number[] }[] {
  const groups: { from: number[]; to: number[] }[] = [];
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    const group = { from: [] as number[], to: [] as number[] };
    let left = 1;
    let right = 1;
    do {
      if ((left <= right && i < from.length) || j >= to.length) {
        left *= from[i]!;
        group.from.push(i++);
      } else {
        right *= to[j]!;
        group.to.push(j++);
      }
    } while (left !== right && (i < from.length || j < to.length));
    groups.push(group);
  }
  return groups;
}
