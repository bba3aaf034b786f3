// Taking, placing and ordering elements: slices, pads, joins, gather, scatter, sort.

import { elementwise } from './jaxpr-arithmetic.ts';
import { concatenate, pad } from './jaxpr-joins.ts';
import {
  expand,
  materialise,
  materialiseAxes,
  reshape,
  storedAs,
  storedShape,
  transpose,
} from './jaxpr-views.ts';
import { padShape, sizeOf, type Value, type ValueGraph, type View } from './jaxpr-values.ts';

/** Elements `[start, end)` of every axis; an axis that is broadcast stays so. */
export function sliceView(graph: ValueGraph, view: View, ranges: readonly (readonly number[])[]): View {
  const shape = ranges.map(([start, end]) => end! - start!);
  const stored = storedShape(view);
  const cut = ranges.flatMap(([start, end], axis) =>
    stored[axis] === 1 || end! - start! === stored[axis] ? [] : [{ axis, start: start!, end: end! }],
  );
  if (cut.length === 0) return { value: view.value, shape };
  const value = slice(graph, reshape(graph, view.value, stored), cut);
  return { value: storedAs(graph, value, value.shape), shape };
}

interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

function slice(graph: ValueGraph, value: Value, cut: readonly Cut[]): Value {
  const only = cut.length === 1 ? cut[0]! : null;
  if (only !== null && value.op === 'Concat' && value.params.axis === only.axis) {
    let start = 0;
    for (const part of value.inputs) {
      if (start === only.start && start + part.shape[only.axis]! === only.end) return part;
      start += part.shape[only.axis]!;
    }
  }
  let { shape } = value;
  for (const { axis, start, end } of cut) shape = shape.with(axis, end - start);
  const params = {
    axes: cut.map(({ axis }) => axis),
    starts: cut.map(({ start }) => start),
    ends: cut.map(({ end }) => end),
  };
  return graph.make('Slice', [value], { shape, type: value.type, params });
}

/** Elements of the given axes in reverse. */
export function flipView(graph: ValueGraph, view: View, axes: readonly number[]): View {
  const stored = storedShape(view);
  const turned = axes.filter((axis) => stored[axis]! > 1);
  if (turned.length === 0) return view;
  const source = reshape(graph, view.value, stored);
  const value = graph.make('Reverse', [source], {
    shape: stored,
    type: source.type,
    params: { axes: turned },
  });
  return { value, shape: view.shape };
}

/** Zeros around a view, `[before, after]` per axis. */
export function padView(graph: ValueGraph, view: View, width: readonly (readonly number[])[]): View {
  const padded = width.flatMap(([low, high], axis) => (low === 0 && high === 0 ? [] : [axis]));
  if (padded.length === 0) return view;
  const whole = materialiseAxes(graph, view, padded);
  const value = reshape(graph, whole.value, storedShape(whole));
  const shape = view.shape.map((size, axis) => size + width[axis]![0]! + width[axis]![1]!);
  const pads = { low: width.map(([low]) => low!), high: width.map(([, high]) => high!) };
  return { value: pad(graph, value, pads), shape };
}

/** Views joined along an axis; other axes stay unexpanded where they are so in all of them. */
export function concatenateViews(graph: ValueGraph, views: readonly View[], axis: number): View {
  const size = views.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  const shape = views[0]!.shape.with(axis, size);
  const stored = views.map(storedShape);
  const full = shape.flatMap((_, at) => (at === axis || stored.some((one) => one[at]! > 1) ? [at] : []));
  const parts = views.map((view) => {
    const whole = materialiseAxes(graph, view, full);
    return reshape(graph, whole.value, storedShape(whole));
  });
  const value = parts.length === 1 ? parts[0]! : concatenate(graph, parts, axis);
  return { value: storedAs(graph, value, value.shape), shape };
}

interface Indexing {
  /** Axes of the indexed array that the indices address, one index array each. */
  readonly axis: readonly number[];
  /** Where the dimensions of the indices stand in the result. */
  readonly outDim: number;
}

/** `x[..., i, ..., j, ...]` for integer arrays i, j that broadcast. */
export function gatherView(
  graph: ValueGraph,
  [x, ...indices]: readonly View[],
  { axis, outDim }: Indexing,
): Value {
  const source = materialise(graph, x!);
  const rest = source.shape.flatMap((_, at) => (axis.includes(at) ? [] : [at]));
  const index = indexTensor(graph, indices);
  const indexShape = index.shape.slice(0, -1);
  const restShape = rest.map((at) => source.shape[at]!);
  if (axis.length === 1) {
    const at = axis[0]!;
    const flat = reshape(graph, index, indexShape);
    const shape = source.shape.toSpliced(at, 1, ...indexShape);
    const taken = graph.make('Gather', [source, flat], { shape, type: source.type, params: { axis: at } });
    return moveBlock(graph, taken, { from: at, count: indexShape.length, to: outDim });
  }
  const first = transpose(graph, source, [...axis, ...rest]);
  const shape = [...indexShape, ...restShape];
  const taken = graph.make('GatherND', [first, index], { shape, type: source.type });
  return moveBlock(graph, taken, { from: 0, count: indexShape.length, to: outDim });
}

/** Places updates into zeros: the transpose of {@link gatherView}. */
export function scatterView(
  graph: ValueGraph,
  [updates, ...indices]: readonly View[],
  {
    axis,
    outDim,
    shape,
    op,
  }: Indexing & { readonly shape: readonly number[]; readonly op: 'add' | 'update' },
): Value {
  const index = indexTensor(graph, indices);
  const count = index.shape.length - 1;
  const values = moveBlock(graph, materialise(graph, updates!), { from: outDim, count, to: 0 });
  const rest = shape.flatMap((_, at) => (axis.includes(at) ? [] : [at]));
  const order = [...axis, ...rest];
  const placed = order.map((at) => shape[at]!);
  const zeros = expand(graph, graph.constant(0, values.type), placed);
  const reduction = op === 'add' ? 'add' : 'none';
  const filled = graph.make('ScatterND', [zeros, index, values], {
    shape: placed,
    type: values.type,
    params: { reduction },
  });
  return transpose(
    graph,
    filled,
    shape.map((_, at) => order.indexOf(at)),
  );
}

/** `[...index shape, number of indexed axes]`, int64. */
function indexTensor(graph: ValueGraph, indices: readonly View[]): Value {
  const rank = Math.max(...indices.map(({ shape }) => shape.length));
  const padded = indices.map(({ shape }) => padShape(shape, rank));
  const shape = Array.from({ length: rank }, (_, at) => Math.max(...padded.map((one) => one[at]!)));
  const parts = indices.map(({ value }) => {
    const long = elementwise(graph, 'Cast', [value], 'int64');
    return reshape(graph, expand(graph, long, shape), [...shape, 1]);
  });
  return parts.length === 1 ? parts[0]! : concatenate(graph, parts, rank);
}

/** `count` neighbouring dimensions moved from one place to another. */
function moveBlock(
  graph: ValueGraph,
  value: Value,
  { from, count, to }: { readonly from: number; readonly count: number; readonly to: number },
): Value {
  const axes = value.shape.map((_, axis) => axis);
  const block = axes.splice(from, count);
  axes.splice(to, 0, ...block);
  return transpose(graph, value, axes);
}

/** The last axis in ascending order, and where each element came from. */
export function sorted(graph: ValueGraph, view: View): { readonly values: Value; readonly indices: Value } {
  const value = materialise(graph, view);
  const k = value.shape.at(-1)!;
  if (sizeOf(value.shape) === 0) return { values: value, indices: value };
  const values = graph.make('SortedValues', [value], { shape: value.shape, type: value.type, params: { k } });
  const long = graph.make('SortedIndices', [value], { shape: value.shape, type: 'int64', params: { k } });
  return { values, indices: elementwise(graph, 'Cast', [long], 'int32') };
}
