// Bottom-k samples of many regions in one buffer. A block holds hashes in ascending order; the hash names the
// point.

import { grown } from './region-rows.ts';

/**
 * Blocks of 2, 4, 8, ... up to `limit` hashes: most regions are small, so a full block each would waste
 * memory.
 */
export class ExemplarPool {
  readonly limit: number;
  hashes: Uint32Array = new Uint32Array(1024);
  used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /**
   * Puts a hash into the block at `start` of `size` hashes.
   * @returns where the block lies now; its size is `min(size + 1, limit)`.
   */
  insert(start: number, size: number, hash: number): number {
    const at = size === this.capacity(size) && size < this.limit ? this.moved(start, size) : start;
    const { hashes } = this;
    let hole = at + (size < this.limit ? size : size - 1);
    while (hole > at && hashes[hole - 1]! > hash) {
      hashes[hole] = hashes[hole - 1]!;
      hole--;
    }
    hashes[hole] = hash;
    return at;
  }

  /** A new block that holds one hash. */
  start(hash: number): number {
    const at = this.allocate(this.capacity(2));
    this.hashes[at] = hash;
    return at;
  }

  private capacity(size: number): number {
    return Math.min(this.limit, size <= 2 ? 2 : 1 << (32 - Math.clz32(size - 1)));
  }

  private moved(start: number, size: number): number {
    const at = this.allocate(this.capacity(size + 1));
    this.hashes.copyWithin(at, start, start + size);
    return at;
  }

  private allocate(entries: number): number {
    const at = this.used;
    this.used += entries;
    this.hashes = grown(this.hashes, this.used);
    return at;
  }
}
