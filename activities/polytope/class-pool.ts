// Sparse class histograms of many regions in one buffer. A block holds (class, count) pairs, the classes
// ascending.

import { grown } from './region-rows.ts';

/**
 * Blocks of 2, 4, 8, ... pairs: a region's classes lie together, so that counting one more point touches one
 * place.
 */
export class ClassPool {
  pairs: Int32Array = new Int32Array(1024);
  used = 0;

  /** A new block with one pair. */
  start(classId: number, count: number): number {
    const at = this.allocate(2);
    this.pairs[at] = classId;
    this.pairs[at + 1] = count;
    return at;
  }

  /**
   * Where the class stands in the block at `start` of `size` pairs, or would stand: an index into `pairs`.
   */
  find(start: number, size: number, classId: number): number {
    let at = start;
    const end = start + size * 2;
    while (at < end && this.pairs[at]! < classId) at += 2;
    return at;
  }

  /**
   * Puts a new pair at `at`, as {@link ClassPool.find} returned it, into the block at `start` of `size`
   * pairs.
   * @returns where the block lies now; it has `size + 1` pairs.
   */
  insert(
    start: number,
    size: number,
    { at, classId, count }: { readonly at: number; readonly classId: number; readonly count: number },
  ): number {
    const isFull = size >= 2 && (size & (size - 1)) === 0;
    const block = isFull ? this.allocate(size * 2) : start;
    const hole = block + at - start;
    const end = start + size * 2;
    this.pairs.copyWithin(hole + 2, at, end);
    if (block !== start) this.pairs.copyWithin(block, start, at);
    this.pairs[hole] = classId;
    this.pairs[hole + 1] = count;
    return block;
  }

  private allocate(size: number): number {
    const at = this.used;
    this.used += size * 2;
    this.pairs = grown(this.pairs, this.used);
    return at;
  }
}
