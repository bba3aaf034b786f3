// Sliding windows: pools, their transposes and convolutions.

import { dotView } from './jaxpr-contractions.ts';
import { padView, sliceView } from './jaxpr-selection.ts';
import { materialise, reshape, reshapeView, transpose, transposeView } from './jaxpr-views.ts';
import { sameShape, sizeOf, type ValueGraph, type View } from './jaxpr-values.ts';

interface Windows {
  readonly window: readonly number[];
  readonly strides: readonly number[];
  /** Distance between elements of a window, per axis. */
  readonly dilation?: readonly number[];
}

/** Windows of the last axes: `[..., places..., window...]`. */
export function poolView(graph: ValueGraph, view: View, { window, strides, dilation }: Windows): View {
  let value = materialise(graph, view);
  const first = value.shape.length - window.length;
  // From the last axis to the first, so that the axes still to come keep their places.
  for (let i = window.length - 1; i >= 0; i--) {
    const spacing = dilation?.[i] ?? 1;
    const places = placesOf(value.shape[first + i]!, { size: window[i]!, stride: strides[i]!, spacing });
    const at = Array.from({ length: places * window[i]! }, (_, n) =>
      BigInt(Math.floor(n / window[i]!) * strides[i]! + (n % window[i]!) * spacing),
    );
    const index = graph.array(BigInt64Array.from(at), [places, window[i]!], 'int64');
    const flat = index.op === 'Const' ? reshape(graph, index, [places, window[i]!]) : index;
    const shape = value.shape.toSpliced(first + i, 1, places, window[i]!);
    value = graph.make('Gather', [value, flat], { shape, type: value.type, params: { axis: first + i } });
  }
  const moved = transpose(graph, value, windowsLast(first, window.length));
  return { value: moved, shape: moved.shape };
}

function placesOf(
  size: number,
  { size: window, stride, spacing }: { size: number; stride: number; spacing: number },
): number {
  return Math.ceil((size - spacing * (window - 1)) / stride);
}

function windowsLast(first: number, count: number): number[] {
  const before = Array.from({ length: first }, (_, axis) => axis);
  const places = Array.from({ length: count }, (_, i) => first + 2 * i);
  return [...before, ...places, ...places.map((axis) => axis + 1)];
}

/** Adds windows back to where {@link poolView} took them from: a product with a 0/1 matrix per axis. */
export function poolTransposeView(
  graph: ValueGraph,
  view: View,
  { inShape, window, strides }: Windows & { readonly inShape: readonly number[] },
): View {
  const count = window.length;
  const first = inShape.length - count;
  const before = Array.from({ length: first }, (_, axis) => axis);
  const pairs = window.flatMap((_, i) => [first + i, first + count + i]);
  let current: View = transposeView(graph, view, [...before, ...pairs]);
  for (let i = 0; i < count; i++)
    current = addWindows(graph, current, { axis: first + i, i, inShape, window, strides });
  return current;
}

/** Turns `[places, window]` at `axis` into the input's size there. */
function addWindows(
  graph: ValueGraph,
  view: View,
  { axis, i, inShape, window, strides }: { axis: number; i: number; inShape: readonly number[] } & Windows,
): View {
  const places = view.shape[axis]!;
  const size = inShape[axis]!;
  const length = places * window[i]!;
  const joined = reshapeView(graph, view, view.shape.toSpliced(axis, 2, length));
  const rank = joined.shape.length;
  const others = Array.from({ length: rank }, (_, at) => at).filter((at) => at !== axis);
  const last = transposeView(graph, joined, [...others, axis]);
  const { value } = last;
  const ones = new Float64Array(size * length);
  for (let n = 0; n < length; n++) {
    const to = Math.floor(n / window[i]!) * strides[i]! + (n % window[i]!);
    ones[to * length + n] = 1;
  }
  const matrix = graph.make('Cast', [graph.array(ones, [size, length], 'float64')], {
    shape: [size, length],
    type: value.type,
  });
  const rows = reshapeView(graph, last, [...last.shape.slice(0, -1), 1, length]);
  const sum = dotView(graph, rows, { value: matrix, shape: [size, length] });
  const back = Array.from({ length: rank }, (_, at) => (at < axis ? at : at === axis ? rank - 1 : at - 1));
  return transposeView(graph, sum, back);
}

interface ConvParams {
  readonly vmapDims: number;
  readonly strides: readonly number[];
  readonly padding: readonly (readonly number[])[];
  readonly lhsDilation: readonly number[];
  readonly rhsDilation: readonly number[];
}

/** Cross-correlation of `[..., batch, channels, space...]` with `[..., out, channels, window...]`. */
export function convView(
  graph: ValueGraph,
  x: View,
  { filter, params }: { filter: View; params: ConvParams },
): View {
  const { vmapDims, strides, rhsDilation } = params;
  const spread = dilated(graph, x, params);
  const padded = cropped(graph, spread, params);
  if (x.value.type === 'float32' && vmapDims === 0 && strides.length > 0) {
    return convolution(graph, padded, { filter, params });
  }
  const window = filter.shape.slice(vmapDims + 2);
  const windows = poolView(graph, padded, { window, strides, dilation: rhsDilation });
  const count = window.length;
  // [..., batch, channels, places, window] to [..., batch, 1, places, channels x window].
  const axes = windows.shape.map((_, axis) => axis);
  const [channels] = axes.splice(vmapDims + 1, 1);
  axes.splice(vmapDims + 1 + count, 0, channels!);
  const moved = transposeView(graph, windows, axes);
  const batch = moved.shape.slice(0, vmapDims + 1);
  const places = moved.shape.slice(vmapDims + 1, vmapDims + 1 + count);
  const inner = sizeOf(moved.shape.slice(vmapDims + 1 + count));
  const left = reshapeView(graph, moved, [...batch, 1, ...places, inner]);
  const lead = filter.shape.slice(0, vmapDims);
  const right = reshapeView(graph, filter, [
    ...lead,
    1,
    filter.shape[vmapDims]!,
    ...places.map(() => 1),
    inner,
  ]);
  return dotView(graph, left, right);
}

function convolution(
  graph: ValueGraph,
  x: View,
  { filter, params }: { filter: View; params: ConvParams },
): View {
  const [source, weights] = [materialise(graph, x), materialise(graph, filter)];
  const places = params.strides.map((stride, i) =>
    placesOf(source.shape[i + 2]!, { size: weights.shape[i + 2]!, stride, spacing: params.rhsDilation[i]! }),
  );
  const shape = [source.shape[0]!, weights.shape[0]!, ...places];
  const value = graph.make('Conv', [source, weights], {
    shape,
    type: source.type,
    params: { strides: params.strides, dilations: params.rhsDilation },
  });
  return { value, shape };
}

/** Zeros between the elements of the spatial axes. */
function dilated(graph: ValueGraph, view: View, { lhsDilation }: ConvParams): View {
  if (lhsDilation.every((spacing) => spacing === 1)) return view;
  const first = view.shape.length - lhsDilation.length;
  const lead = view.shape.slice(0, first);
  const space = view.shape.slice(first);
  const apart = reshapeView(graph, view, [...lead, ...space.flatMap((size) => [size, 1])]);
  const none = lead.map(() => [0, 0]);
  const padded = padView(graph, apart, [
    ...none,
    ...lhsDilation.flatMap((by) => [
      [0, 0],
      [0, by - 1],
    ]),
  ]);
  const joined = reshapeView(graph, padded, [...lead, ...space.map((size, i) => size * lhsDilation[i]!)]);
  const ends = space.map((size, i) => (size - 1) * lhsDilation[i]! + 1);
  return sliceView(
    graph,
    joined,
    [...lead, ...ends].map((end) => [0, end]),
  );
}

/** Padding, where a negative one cuts. */
function cropped(graph: ValueGraph, view: View, { padding }: ConvParams): View {
  const first = view.shape.length - padding.length;
  const around = view.shape.map((_, axis) => padding[axis - first] ?? [0, 0]);
  const grown = padView(
    graph,
    view,
    around.map((sides) => sides.map((side) => Math.max(0, side))),
  );
  const ranges = grown.shape.map((size, axis) => {
    const [low, high] = around[axis]!;
    return [Math.max(0, -low!), size - Math.max(0, -high!)];
  });
  return sameShape(
    grown.shape,
    ranges.map(([start, end]) => end! - start!),
  )
    ? grown
    : sliceView(graph, grown, ranges);
}
