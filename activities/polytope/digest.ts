// 128-bit digests of spline codes: MurmurHash3_x86_128, so notebooks can recompute them with any standard implementation.
// 32-bit arithmetic only, which is what JavaScript does exactly; collisions are detected later, where full words are kept.

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/**
 * Digests every row of packed codes.
 * @param words - `[rows, wordsPerRow]` code words, each row a whole number of 32-bit words.
 * @param options - `seed` separates spans (see {@link spanSeed}); `out` is `[rows, 4]` uint32 and receives the digests.
 * @see Appleby, MurmurHash3 (public domain), variant x86_128; the tail here is always whole words.
 */
export function digestRows(
  words: Uint32Array,
  { rows, wordsPerRow, seed, out }: { rows: number; wordsPerRow: number; seed: number; out: Uint32Array },
): void {
  for (let row = 0; row < rows; row++) digestRow(words, row * wordsPerRow, wordsPerRow, seed, out, row * 4);
}

/** Seed of a span's digests: the 32-bit FNV-1a hash of its name's UTF-8 bytes. */
export function spanSeed(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Which partition owns a digest: its first word modulo the partition count. */
export function partitionOf(firstWord: number, partitions: number): number {
  return (firstWord >>> 0) % partitions;
}

// One long function on purpose: the state lives in registers (bench: packing).
function digestRow(
  words: Uint32Array,
  start: number,
  count: number,
  seed: number,
  out: Uint32Array,
  at: number,
): void {
  let h1 = seed | 0;
  let h2 = seed | 0;
  let h3 = seed | 0;
  let h4 = seed | 0;
  const blocks = count >> 2;
  let i = start;
  for (let block = 0; block < blocks; block++, i += 4) {
    h1 ^= Math.imul(rotl(Math.imul(words[i]!, C1), 15), C2);
    h1 = (Math.imul((rotl(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotl(Math.imul(words[i + 1]!, C2), 16), C3);
    h2 = (Math.imul((rotl(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotl(Math.imul(words[i + 2]!, C3), 17), C4);
    h3 = (Math.imul((rotl(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotl(Math.imul(words[i + 3]!, C4), 18), C1);
    h4 = (Math.imul((rotl(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  const tail = count & 3;
  if (tail > 2) h3 ^= Math.imul(rotl(Math.imul(words[i + 2]!, C3), 17), C4);
  if (tail > 1) h2 ^= Math.imul(rotl(Math.imul(words[i + 1]!, C2), 16), C3);
  if (tail > 0) h1 ^= Math.imul(rotl(Math.imul(words[i]!, C1), 15), C2);
  const bytes = count * 4;
  h1 ^= bytes;
  h2 ^= bytes;
  h3 ^= bytes;
  h4 ^= bytes;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = finalMix(h1);
  h2 = finalMix(h2);
  h3 = finalMix(h3);
  h4 = finalMix(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  out[at] = h1;
  out[at + 1] = h2 + h1;
  out[at + 2] = h3 + h1;
  out[at + 3] = h4 + h1;
}

function rotl(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

function finalMix(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}
