// Codes of a mesh's faces while they are cut, and their digests once they are whole: the codes of a convolutional net are
// kilobytes each, so they are kept beyond that only while they are few.

import { digestRows } from './digest.ts';
import { roomFor } from './slice-mesh.ts';

/** Bytes of finished codes that are kept. */
const KEPT_BYTES = 2 ** 26;

export class FaceCodes {
  /** Words of one code. */
  readonly width: number;
  /** `[slots, width]` */
  words: Uint32Array;
  /** `[faces, 4]`: digests of the finished faces. */
  digests = new Uint32Array(4);
  readonly #seed: number;
  /** Per face the slot of its code. */
  #slots = new Int32Array(64);
  #used = 1;
  #free: number[] = [];
  #finished: number[] = [];
  #areKept = true;

  /** One face, number 0, whose code is all 0. @param seed - of the digests. */
  constructor(width: number, seed: number) {
    this.width = width;
    this.words = new Uint32Array(width);
    this.#seed = seed;
  }

  /** Where a face's code starts in {@link words}. */
  start(face: number): number {
    return this.#slots[face]! * this.width;
  }

  /** Gives a new face the code of another one. */
  copy(made: number, from: number): void {
    const slot = this.#take();
    this.#slots = roomFor(this.#slots, made + 1);
    this.#slots[made] = slot;
    const start = this.start(from);
    this.words.copyWithin(slot * this.width, start, start + this.width);
  }

  /** Takes a face's digest; its code will not change. */
  finish(face: number): void {
    const start = this.start(face);
    const words = this.words.subarray(start, start + this.width);
    this.digests = roomFor(this.digests, 4 * (face + 1));
    const out = this.digests.subarray(4 * face, 4 * face + 4);
    digestRows(words, { rows: 1, wordsPerRow: this.width, seed: this.#seed, out });
    (this.#areKept ? this.#finished : this.#free).push(this.#slots[face]!);
  }

  /** Codes of faces in the order given, `[faces, width]`; null where they were too many to keep. */
  take(faces: readonly number[]): Uint32Array | null {
    if (!this.#areKept) return null;
    const codes = new Uint32Array(faces.length * this.width);
    for (const [at, face] of faces.entries()) {
      const start = this.start(face);
      codes.set(this.words.subarray(start, start + this.width), at * this.width);
    }
    return codes;
  }

  #take(): number {
    const slot = this.#free.pop();
    if (slot !== undefined) return slot;
    if (this.#areKept && 4 * this.width * this.#used >= KEPT_BYTES) {
      this.#areKept = false;
      this.#free = this.#finished;
      this.#finished = [];
      return this.#take();
    }
    this.words = roomFor(this.words, (this.#used + 1) * this.width);
    return this.#used++;
  }
}
