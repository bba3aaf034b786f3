import { describe, expect, it } from 'vitest';
import { fnv1a, murmur3x86x128 } from './murmur3-x86-128.ts';

describe('the oracle of digests', () => {
  it("gives SMHasher's verification value of MurmurHash3_x86_128", () => {
    const key = Uint8Array.from({ length: 256 }, (_, i) => i);
    const hashes = Array.from(key, (length) => murmur3x86x128(key.subarray(0, length), 256 - length));
    const last = murmur3x86x128(Buffer.concat(hashes), 0);
    expect(Buffer.from(last).readUInt32LE(0)).toBe(0xb3ece62a);
  });

  it('gives the published FNV-1a values', () => {
    expect(fnv1a('')).toBe(0x811c9dc5);
    expect(fnv1a('a')).toBe(0xe40c292c);
    expect(fnv1a('foobar')).toBe(0xbf9cf968);
  });
});
