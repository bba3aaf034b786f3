// A rectangle in a plane of the start space: where a 2-D slice is taken.

import { PipelineError } from '#schemas/errors.ts';
import type { SliceBox } from './slice-mesh.ts';

/** Plane point (x, y) is `origin + x u + y v` in the start space; distances in the plane are distances there. */
export interface SlicePlane {
  /** `[size]`. */
  readonly origin: Float64Array;
  /** `[size]`, unit length. */
  readonly u: Float64Array;
  /** `[size]`, unit length, at right angles to `u`. */
  readonly v: Float64Array;
  readonly box: SliceBox;
  /** `[anchors, 2]` plane coordinates of the rows that the plane was laid through; empty where it was given by axes. */
  readonly anchors: Float64Array;
}

// A row counts as collinear with the two others where its distance to their line is below this share of its length.
const COLLINEAR = 1e-9;

/**
 * The plane through three rows, origin in the first, `u` towards the second; the box is their bounding box, widened.
 * @param rows - three rows of the start space, each `[size]`.
 * @param options - `margin` widens the box on every side by this share of its width and height (default 0.25).
 * @throws PipelineError `data-invalid` where rows are identical or on one line; `config-invalid` where the margin leaves no
 * area.
 */
export function planeThroughRows(
  rows: readonly [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>],
  { margin = 0.25 }: { readonly margin?: number } = {},
): SlicePlane {
  const origin = Float64Array.from(rows[0]);
  requireSize(rows, origin.length);
  const first = minus(rows[1], origin);
  const second = minus(rows[2], origin);
  const basis = orthonormal(first, second);
  if (basis === null) throw collinear(first, second);
  const { u, v } = basis;
  const anchors = Float64Array.of(0, 0, dot(first, u), dot(first, v), dot(second, u), dot(second, v));
  return { origin, u, v, box: widen(anchors, margin), anchors };
}

/**
 * A box around a base point in the plane of two directions.
 * @param base - `[size]`, becomes the origin.
 * @param options - `axes`: two directions `[size]`; `u` is the first one normalised, `v` what the second one has at right
 * angles to it; `box`: in plane coordinates.
 * @throws PipelineError `data-invalid` where the directions are parallel or zero; `config-invalid` for a box without area.
 */
export function planeAlongAxes(
  base: ArrayLike<number>,
  { axes, box }: { readonly axes: readonly [ArrayLike<number>, ArrayLike<number>]; readonly box: SliceBox },
): SlicePlane {
  const origin = Float64Array.from(base);
  requireSize([base, ...axes], origin.length);
  const first = Float64Array.from(axes[0]);
  const second = Float64Array.from(axes[1]);
  const basis = orthonormal(first, second);
  if (basis === null) throw collinear(first, second);
  requireArea(box);
  return { origin, ...basis, box, anchors: new Float64Array() };
}

/**
 * Points of the plane in the start space.
 * @param points - `[count, 2]` plane coordinates.
 * @returns `[count, size]`, fresh.
 */
export function liftToStart({ origin, u, v }: SlicePlane, points: ArrayLike<number>): Float64Array {
  const count = points.length >> 1;
  const size = origin.length;
  const lifted = new Float64Array(count * size);
  for (let point = 0; point < count; point++) {
    const x = points[2 * point]!;
    const y = points[2 * point + 1]!;
    for (let i = 0; i < size; i++) lifted[point * size + i] = origin[i]! + x * u[i]! + y * v[i]!;
  }
  return lifted;
}

/** Rejects boxes whose sides are not positive and finite. */
export function requireArea({ x0, y0, x1, y1 }: SliceBox): void {
  const sized = x1 - x0 > 0 && y1 - y0 > 0 && (x1 - x0) * (y1 - y0) > 0;
  if (sized && [x0, y0, x1, y1].every(Number.isFinite)) return;
  throw new PipelineError({
    kind: 'config-invalid',
    what: "a slice's box has no area",
    where: 'box',
    value: `x ${x0}..${x1}, y ${y0}..${y1}`,
    remedy: 'Give x0 < x1 and y0 < y1; a margin of 0 or more.',
  });
}

function requireSize(rows: readonly ArrayLike<number>[], size: number): void {
  for (const [index, row] of rows.entries()) {
    if (row.length !== size) {
      throw new PipelineError({
        kind: 'shape-mismatch',
        what: "a slice's rows differ in size",
        where: `row ${index}`,
        value: `${row.length} values, the first row has ${size}`,
      });
    }
    for (let i = 0; i < size; i++) {
      if (!Number.isFinite(row[i])) throw nonFinite(index, i, row[i]!);
    }
  }
}

/** Gram and Schmidt, the second vector twice: once loses digits where the two are nearly parallel. Null where they are. */
function orthonormal(first: Float64Array, second: Float64Array): { u: Float64Array; v: Float64Array } | null {
  const firstLength = Math.sqrt(dot(first, first));
  const secondLength = Math.sqrt(dot(second, second));
  if (!(firstLength > 0 && secondLength > 0)) return null;
  const u = first.map((value) => value / firstLength);
  let v = second;
  for (let pass = 0; pass < 2; pass++) {
    const along = dot(v, u);
    v = v.map((value, i) => value - along * u[i]!);
  }
  const left = Math.sqrt(dot(v, v));
  if (!(left > COLLINEAR * secondLength)) return null;
  return { u, v: v.map((value) => value / left) };
}

function widen(anchors: Float64Array, margin: number): SliceBox {
  const xs = [anchors[0]!, anchors[2]!, anchors[4]!];
  const ys = [anchors[1]!, anchors[3]!, anchors[5]!];
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const [dx, dy] = [margin * (x1 - x0), margin * (y1 - y0)];
  const box = { x0: x0 - dx, y0: y0 - dy, x1: x1 + dx, y1: y1 + dy };
  requireArea(box);
  return box;
}

function minus(row: ArrayLike<number>, origin: Float64Array): Float64Array {
  return origin.map((value, i) => row[i]! - value);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function collinear(first: Float64Array, second: Float64Array): PipelineError {
  const lengths = [first, second].map((vector) => Math.sqrt(dot(vector, vector)).toPrecision(4));
  return new PipelineError({
    kind: 'data-invalid',
    what: 'three points on one line, or identical ones, span no plane',
    where: 'slice anchors',
    value: `distances from the first: ${lengths.join(', ')}`,
    remedy: 'Choose three rows that differ and do not lie on one line.',
  });
}

function nonFinite(row: number, column: number, value: number): PipelineError {
  return new PipelineError({
    kind: 'non-finite-input',
    what: "a slice's row holds a value that is not finite",
    where: `row ${row}, value ${column}`,
    value: String(value),
  });
}
