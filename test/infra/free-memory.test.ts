// Freed arrays are empty at once, and their memory is gone without a collection.

import { describe, expect, it } from 'vitest';
import { freeMemory } from '../../infra/free-memory.ts';

describe('freeMemory', () => {
  it('detaches arrays that have their memory to themselves, however many views of it are given', () => {
    const own = Float64Array.of(1, 2, 3);
    freeMemory([own, new Uint8Array(own.buffer), null]);
    expect(own).toHaveLength(0);
  });

  it('leaves what is a part of a larger buffer', () => {
    const whole = new Uint8Array(16).fill(7);
    freeMemory([whole.subarray(0, 8)]);
    expect([...whole]).toEqual(Array(16).fill(7));
  });

  it('may be told twice, and of nothing', () => {
    const own = new Uint8Array(4);
    freeMemory([own]);
    freeMemory([own, new Uint8Array(0)]);
    freeMemory([]);
    expect(own).toHaveLength(0);
  });

  it('gives the memory back without a collection', () => {
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let i = 0; i < 200; i++) {
      const array = new Uint8Array(1_000_000);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      freeMemory([array]);
    }
    // One array at a time; collections would leave dozens.
    expect(most).toBeLessThan(10_000_000);
  });
});
