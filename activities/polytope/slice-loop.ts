// One polygon's corners with a cut's values there, and where the cut passes between them.

import { PipelineError } from '#schemas/errors.ts';
import { roomFor, type SliceMesh } from './slice-mesh.ts';
import type { VertexRows } from './vertex-rows.ts';

/**
 * Loop positions of a run of corners below the line: `from` is its first and `last` its last corner below; the next corners
 * above are `before` and `after`; corners on the line may lie between.
 */
export interface RunBelow {
  readonly before: number;
  readonly from: number;
  readonly last: number;
  readonly after: number;
}

/** Corners of the polygon at hand; the arrays are reused and move when they grow. */
export class PolygonLoop {
  count = 0;
  /** Half-edges of the loop and the rows of the vertices that they start at. */
  edges = new Int32Array(64);
  rows = new Int32Array(64);
  /** The cut's value at each corner, and 1, 0 or -1 for above, on and below the line. */
  heights = new Float64Array(64);
  sides = new Int32Array(64);

  /** Puts a face's corners behind the first `count` entries; each must have a row. */
  collect(
    mesh: SliceMesh,
    face: number,
    { rows, count = 0 }: { readonly rows: VertexRows; count?: number },
  ): void {
    const start = mesh.faceEdge[face]!;
    let at = start;
    do {
      if (count === this.rows.length) this.#grow();
      this.edges[count] = at;
      this.rows[count++] = rows.rowOf(mesh.origin[at]!);
      at = mesh.next[at]!;
    } while (at !== start);
    this.count = count;
  }

  /** Sides by height, with values near 0 on the line; where that leaves above or below empty, by sign alone. */
  takeSides(tolerance: number): void {
    for (const near of [tolerance, 0]) {
      let [above, below] = [0, 0];
      for (let i = 0; i < this.count; i++) {
        const height = this.heights[i]!;
        const side = Math.abs(height) <= near ? 0 : Math.sign(height);
        this.sides[i] = side;
        if (side === 1) above++;
        if (side === -1) below++;
      }
      if (above > 0 && below > 0) return;
    }
  }

  /**
   * A run of corners below. A convex polygon has one; rounding may make more of a loop that all but lies on the line, and
   * every cut takes one of them away.
   */
  runBelow(): RunBelow {
    const { sides, count } = this;
    const before = this.#lastAbove();
    let from = (before + 1) % count;
    while (sides[from] !== -1) from = (from + 1) % count;
    let last = from;
    let after = from;
    while (sides[after] !== 1) {
      if (sides[after] === -1) last = after;
      after = (after + 1) % count;
    }
    return { before, from, last, after };
  }

  /** A corner above, behind which the next corner off the line is below. */
  #lastAbove(): number {
    let above = -1;
    for (let i = 0; i < 2 * this.count; i++) {
      const side = this.sides[i % this.count]!;
      if (side === 1) above = i % this.count;
      else if (side === -1 && above >= 0) return above;
    }
    throw new PipelineError({ kind: 'internal', what: 'a polygon was cut by a line that does not cross it' });
  }

  #grow(): void {
    const length = 2 * this.rows.length;
    this.edges = roomFor(this.edges, length);
    this.rows = roomFor(this.rows, length);
    this.heights = roomFor(this.heights, length);
    this.sides = roomFor(this.sides, length);
  }
}
