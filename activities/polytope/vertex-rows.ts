// State rows of a mesh's vertices at one depth of a network, in blocks that grow without being copied.

import { PipelineError } from '#schemas/errors.ts';
import { roomFor } from './slice-mesh.ts';

const MOST_BLOCK_VALUES = 1 << 17;
const MOST_BLOCK_ROWS = 1 << 12;
/** Blocks that fit into a slice's memory, at least. */
const LEAST_BLOCKS = 64;
const FIRST_PLACES = 1024;
const VALUE_BYTES = 8;

/** Memory that all rows of one slice hold together: bytes that are counted, and tables of places that are used again. */
export class RowRoom {
  readonly limitBytes: number;
  readonly blockValues: number;
  #heldBytes = 0;
  /** Per vertex its row plus 1; all 0. */
  readonly #freePlaces: Int32Array[] = [];

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.blockValues = Math.min(MOST_BLOCK_VALUES, Math.floor(limitBytes / (LEAST_BLOCKS * VALUE_BYTES)));
  }

  /** @throws PipelineError `config-invalid` where the slice would hold more than it may. */
  take(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#heldBytes <= this.limitBytes) return;
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'a slice needs more memory for its vertices than it may have',
      where: 'maxStateBytes',
      value: `${this.#heldBytes} of ${this.limitBytes} bytes`,
      remedy: 'Take a smaller box or fewer layers, or raise the limit.',
    });
  }

  giveBack(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  takePlaces(): Int32Array {
    return this.#freePlaces.pop() ?? new Int32Array(FIRST_PLACES);
  }

  /** @param places - all 0 again. */
  giveBackPlaces(places: Int32Array): void {
    this.#freePlaces.push(places);
  }
}

/** Rows of `width` float64 values, one for each of some of a mesh's vertices. */
export class VertexRows {
  readonly width: number;
  count = 0;
  readonly #shift: number;
  readonly #mask: number;
  readonly #room: RowRoom;
  #blocks: Float64Array[] = [];
  #places: Int32Array;
  #vertices = new Int32Array(64);

  constructor(width: number, room: RowRoom) {
    const most = Math.min(MOST_BLOCK_ROWS, Math.max(1, Math.floor(room.blockValues / Math.max(1, width))));
    this.width = width;
    this.#shift = Math.floor(Math.log2(most));
    this.#mask = (1 << this.#shift) - 1;
    this.#room = room;
    this.#places = room.takePlaces();
  }

  /** The block that holds a row; the row starts at {@link start}. */
  block(row: number): Float64Array {
    return this.#blocks[row >> this.#shift]!;
  }

  start(row: number): number {
    return (row & this.#mask) * this.width;
  }

  /** A vertex's row, -1 where it has none. */
  rowOf(vertex: number): number {
    return vertex < this.#places.length ? this.#places[vertex]! - 1 : -1;
  }

  vertexAt(row: number): number {
    return this.#vertices[row]!;
  }

  /** Adds the row of a vertex: `width` values of `values` from `from` on. @returns the row. */
  append(vertex: number, values: Float64Array, from: number): number {
    const row = this.#add(vertex);
    this.block(row).set(values.subarray(from, from + this.width), this.start(row));
    return row;
  }

  /** Adds the row of a vertex at the fraction `t` of the way from row `a` to row `b`. @returns the row. */
  appendBetween(vertex: number, way: { readonly a: number; readonly b: number; readonly t: number }): number {
    const { a, b, t } = way;
    const row = this.#add(vertex);
    const into = this.block(row);
    const from = this.block(a);
    const to = this.block(b);
    const at = this.start(row);
    const fromAt = this.start(a);
    const toAt = this.start(b);
    for (let i = 0; i < this.width; i++) {
      const value = from[fromAt + i]!;
      into[at + i] = value + t * (to[toAt + i]! - value);
    }
    return row;
  }

  /** All rows in their order, block by block: views, not copies. */
  *blocks(): Generator<{ readonly vertices: Int32Array; readonly values: Float64Array }> {
    const blockRows = this.#mask + 1;
    for (const [index, block] of this.#blocks.entries()) {
      const first = index * blockRows;
      const rows = Math.min(blockRows, this.count - first);
      const vertices = this.#vertices.subarray(first, first + rows);
      yield { vertices, values: block.subarray(0, rows * this.width) };
    }
  }

  /** Gives the memory back; no row is left. */
  release(): void {
    for (let row = 0; row < this.count; row++) this.#places[this.#vertices[row]!] = 0;
    this.#room.giveBackPlaces(this.#places);
    for (const block of this.#blocks) this.#room.giveBack(block.length * VALUE_BYTES);
    this.#places = new Int32Array();
    this.#blocks = [];
    this.count = 0;
  }

  #add(vertex: number): number {
    const row = this.count++;
    this.#vertices = roomFor(this.#vertices, this.count);
    this.#vertices[row] = vertex;
    this.#places = roomFor(this.#places, vertex + 1);
    this.#places[vertex] = row + 1;
    if (row >> this.#shift === this.#blocks.length) {
      const values = (this.#mask + 1) * this.width;
      this.#room.take(values * VALUE_BYTES);
      this.#blocks.push(new Float64Array(values));
    }
    return row;
  }
}
