// A seeded random order of points: which points are exemplars or samples must not depend on arrival order.

/**
 * Position of a point in the seeded random order: a bijection on 32 bits (the finaliser of MurmurHash3), so
 * no two points tie.
 * @see Austin Appleby, MurmurHash3, fmix32.
 */
export function pointHash(pointId: number, seed: number): number {
  let h = pointId ^ seed;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The point whose {@link pointHash} is `hash`. */
export function pointOfHash(hash: number, seed: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x7ed1b41d);
  h ^= (h >>> 13) ^ (h >>> 26);
  h = Math.imul(h, 0xa5cb9243);
  return h ^ (h >>> 16) ^ seed;
}

/** Spreads a small seed over 32 bits, so that neighbouring seeds give unrelated orders. */
export function orderSeed(seed: number): number {
  return pointHash(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995, 0) | 0;
}
