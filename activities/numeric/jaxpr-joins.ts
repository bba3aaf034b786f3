// Arrays side by side and zeros around them.

import { sameShape, type Value, type ValueGraph } from './jaxpr-values.ts';

/** Two arrays padded with zeros to neighbouring places are their concatenation: how slices give their gradients back. */
export function addNeighbours(graph: ValueGraph, a: Value, b: Value): Value | null {
  if (a.op !== 'Pad' || b.op !== 'Pad' || !sameShape(a.shape, b.shape)) return null;
  const axis = onlyPadded(a);
  if (axis === null || axis !== onlyPadded(b)) return null;
  const start = (pad: Value) => (pad.params.low as readonly number[])[axis]!;
  const [first, second] = start(a) < start(b) ? [a, b] : [b, a];
  const parts = [first.inputs[0]!, second.inputs[0]!];
  if (start(first) + parts[0]!.shape[axis]! !== start(second)) return null;
  const joined = concatenate(graph, parts, axis);
  const pads = { low: first.params.low as readonly number[], high: second.params.high as readonly number[] };
  return pad(graph, joined, pads);
}

function onlyPadded(value: Value): number | null {
  const padded = value.shape.flatMap((size, axis) => (size === value.inputs[0]!.shape[axis] ? [] : [axis]));
  return padded.length === 1 ? padded[0]! : null;
}

/** Joined along `axis`; a part that is itself joined along it gives its parts. */
export function concatenate(graph: ValueGraph, parts: readonly Value[], axis: number): Value {
  const flat = parts.flatMap((part) =>
    part.op === 'Concat' && part.params.axis === axis ? part.inputs : [part],
  );
  const size = flat.reduce((sum, part) => sum + part.shape[axis]!, 0);
  const shape = flat[0]!.shape.with(axis, size);
  return graph.make('Concat', flat, { shape, type: flat[0]!.type, params: { axis } });
}

/** Zeros around a value: `low` before and `high` after it, per dimension, none negative. */
export function pad(
  graph: ValueGraph,
  value: Value,
  { low, high }: { readonly low: readonly number[]; readonly high: readonly number[] },
): Value {
  const shape = value.shape.map((size, axis) => size + low[axis]! + high[axis]!);
  if (sameShape(shape, value.shape)) return value;
  return graph.make('Pad', [value], { shape, type: value.type, params: { low, high } });
}
