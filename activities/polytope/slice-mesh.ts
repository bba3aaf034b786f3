// A planar subdivision of a rectangle as half-edges. An edge belongs to the polygons on both of its sides, so a point put
// on it is a vertex of both at once: the mesh has no gaps, whatever cuts it.

/** The tap of the rectangle's own four sides. */
export const BOX_TAP = -1;
/** The face outside the rectangle. */
export const OUTSIDE = -1;
/** Origin of an edge, and edge of a face, that were removed. */
export const REMOVED = -1;

/** Corners in plane coordinates: `x0 < x1`, `y0 < y1`. */
export interface SliceBox {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

const FIRST_ROOM = 1024;

/**
 * Half-edge `h` runs from `origin[h]` to `origin[h ^ 1]` with its face on the left; loops are counter-clockwise, `next` and
 * `previous` follow them. Edge `h >> 1` carries the tap and unit that drew it. The arrays move when they grow: read them
 * again after a split.
 */
export class SliceMesh {
  vertices = 0;
  edges = 0;
  faces = 0;
  /** `[vertices, 2]` plane coordinates. */
  points = new Float64Array(2 * FIRST_ROOM);
  /** `[2 x edges]` each. */
  origin = new Int32Array(2 * FIRST_ROOM);
  next = new Int32Array(2 * FIRST_ROOM);
  previous = new Int32Array(2 * FIRST_ROOM);
  face = new Int32Array(2 * FIRST_ROOM);
  /** `[edges]` each. */
  edgeTap = new Int32Array(FIRST_ROOM);
  edgeUnit = new Int32Array(FIRST_ROOM);
  /** `[faces]`: one half-edge of each face's loop. */
  faceEdge = new Int32Array(FIRST_ROOM);

  /** One face, the rectangle: vertex and edge i start at corner i, counter-clockwise from (x0, y0). */
  constructor({ x0, y0, x1, y1 }: SliceBox) {
    this.points.set([x0, y0, x1, y0, x1, y1, x0, y1]);
    this.vertices = 4;
    this.faces = 1;
    for (let side = 0; side < 4; side++) {
      const inner = this.#addEdge(side, (side + 1) & 3, BOX_TAP, side);
      this.#link(inner, 2 * ((side + 1) & 3));
      this.#link(2 * ((side + 1) & 3) + 1, inner + 1);
      this.face[inner] = 0;
      this.face[inner + 1] = OUTSIDE;
    }
  }

  /**
   * Puts a vertex on a half-edge at the fraction `t` of its way; `h` then ends there, and its other part is `next[h]`.
   * @returns the vertex.
   */
  splitEdge(h: number, t: number): number {
    const from = 2 * this.origin[h]!;
    const to = 2 * this.origin[h ^ 1]!;
    const vertex = this.vertices++;
    this.points = roomFor(this.points, 2 * this.vertices);
    const { points } = this;
    points[2 * vertex] = between(points[from]!, points[to]!, t);
    points[2 * vertex + 1] = between(points[from + 1]!, points[to + 1]!, t);
    const edge = h >> 1;
    const made = this.#addEdge(vertex, to >> 1, this.edgeTap[edge]!, this.edgeUnit[edge]!);
    // The same side of the edge stays the even one, so that a side of the box keeps its outside at the odd one.
    const ahead = made ^ (h & 1);
    if (ahead !== made) this.#swapEnds(made);
    const twin = h ^ 1;
    const back = ahead ^ 1;
    this.face[ahead] = this.face[h]!;
    this.face[back] = this.face[twin]!;
    this.#link(ahead, this.next[h]!);
    this.#link(h, ahead);
    this.#link(this.previous[twin]!, back);
    this.#link(back, twin);
    this.origin[twin] = vertex;
    return vertex;
  }

  /**
   * Cuts a face from the origin of `first` to the origin of `second`, two half-edges of its loop that are not neighbours.
   * @returns the new face: the part of the loop from `first` to before `second`.
   */
  splitFace(first: number, second: number, label: { readonly tap: number; readonly unit: number }): number {
    const old = this.face[first]!;
    const chord = this.#addEdge(this.origin[second]!, this.origin[first]!, label.tap, label.unit);
    const beforeFirst = this.previous[first]!;
    const beforeSecond = this.previous[second]!;
    this.#link(chord, first);
    this.#link(beforeSecond, chord);
    this.#link(chord + 1, second);
    this.#link(beforeFirst, chord + 1);
    const made = this.faces++;
    this.faceEdge = roomFor(this.faceEdge, this.faces);
    this.faceEdge[made] = chord;
    this.faceEdge[old] = chord + 1;
    this.face[chord + 1] = old;
    let at = chord;
    do {
      this.face[at] = made;
      at = this.next[at]!;
    } while (at !== chord);
    return made;
  }

  /**
   * Removes an edge between two faces; the face of `h` takes in the other one. Where that leaves edges that end in nothing,
   * they go too; their vertices stay without an edge.
   */
  removeEdge(h: number): void {
    const kept = this.face[h]!;
    const gone = this.face[h ^ 1]!;
    let at = h ^ 1;
    do {
      this.face[at] = kept;
      at = this.next[at]!;
    } while (at !== (h ^ 1));
    const loose = [this.#unlink(h), this.#unlink(h ^ 1)];
    this.origin[h] = REMOVED;
    this.origin[h ^ 1] = REMOVED;
    this.faceEdge[gone] = REMOVED;
    for (let end of loose) {
      while (this.next[end] === (end ^ 1)) end = this.#trim(end);
      this.faceEdge[kept] = end;
    }
  }

  /** Which fraction of the way from vertex `a` to vertex `b` a vertex lies at; it lies between them. */
  placeBetween(vertex: number, a: number, b: number): number {
    const { points } = this;
    const [dx, dy] = [points[2 * b]! - points[2 * a]!, points[2 * b + 1]! - points[2 * a + 1]!];
    const axis = Math.abs(dx) >= Math.abs(dy) ? 0 : 1;
    return (points[2 * vertex + axis]! - points[2 * a + axis]!) / (axis === 0 ? dx : dy);
  }

  /** Area of a face, relative to one of its corners so that small faces keep their digits. */
  area(face: number): number {
    const { points, origin, next } = this;
    const start = this.faceEdge[face]!;
    const x0 = points[2 * origin[start]!]!;
    const y0 = points[2 * origin[start]! + 1]!;
    let twice = 0;
    let lastX = 0;
    let lastY = 0;
    for (let at = next[start]!; at !== start; at = next[at]!) {
      const x = points[2 * origin[at]!]! - x0;
      const y = points[2 * origin[at]! + 1]! - y0;
      twice += lastX * y - x * lastY;
      lastX = x;
      lastY = y;
    }
    return twice / 2;
  }

  /** Takes `h` out of the loop. @returns the half-edge that now ends where `h` began. */
  #unlink(h: number): number {
    const before = this.previous[h]!;
    this.#link(before, this.next[h ^ 1]!);
    return before;
  }

  /** Removes an edge that ends in nothing, given the half-edge to there. @returns the half-edge before it. */
  #trim(h: number): number {
    const before = this.previous[h]!;
    this.#link(before, this.next[h ^ 1]!);
    this.origin[h] = REMOVED;
    this.origin[h ^ 1] = REMOVED;
    return before;
  }

  #addEdge(from: number, to: number, tap: number, unit: number): number {
    const h = 2 * this.edges++;
    this.origin = roomFor(this.origin, h + 2);
    this.next = roomFor(this.next, h + 2);
    this.previous = roomFor(this.previous, h + 2);
    this.face = roomFor(this.face, h + 2);
    this.edgeTap = roomFor(this.edgeTap, this.edges);
    this.edgeUnit = roomFor(this.edgeUnit, this.edges);
    this.origin[h] = from;
    this.origin[h + 1] = to;
    this.edgeTap[h >> 1] = tap;
    this.edgeUnit[h >> 1] = unit;
    return h;
  }

  #swapEnds(h: number): void {
    const from = this.origin[h]!;
    this.origin[h] = this.origin[h + 1]!;
    this.origin[h + 1] = from;
  }

  #link(before: number, after: number): void {
    this.next[before] = after;
    this.previous[after] = before;
  }
}

/** The array itself, or a copy of at least twice its length with room for `length` entries. */
export function roomFor<T extends Float64Array | Int32Array | Uint32Array>(array: T, length: number): T {
  if (length <= array.length) return array;
  const Kind = array.constructor as new (length: number) => T;
  const grown = new Kind(Math.max(length, 2 * array.length));
  grown.set(array);
  return grown;
}

function between(from: number, to: number, t: number): number {
  return from + t * (to - from);
}
