// Where the bits of a code lie: whole bytes, whole words, and offsets of taps within a span.

/** Bits of one code word. */
export const WORD_BITS = 32;
const WORD_BYTES = 4;

/** Bytes that hold `bits` bits; bits meet bytes nowhere else. */
export function bytesForBits(bits: number): number {
  return Math.ceil(bits / 8);
}

/** Bytes of a code row of `bits` bits, padded to whole 32-bit words. */
export function codeRowBytes(bits: number): number {
  return WORD_BYTES * Math.ceil(bits / WORD_BITS);
}

/** Value of bit `bit` of a code: bit `bit & 7` of byte `bit >> 3`. */
export function bitAt(code: Uint8Array, bit: number): 0 | 1 {
  return (((code[bit >> 3] ?? 0) >> (bit & 7)) & 1) as 0 | 1;
}

/**
 * Byte offset of each tap within the code of a span that concatenates them; every tap starts on a word.
 * @returns one offset per tap and, last, the bytes of the whole span.
 */
export function spanOffsets(tapBits: readonly number[]): number[] {
  const offsets = [0];
  for (const bits of tapBits) offsets.push((offsets.at(-1) ?? 0) + codeRowBytes(bits));
  return offsets;
}

/** Bit index of unit (channel, y, x) in an image code: channel-major, then raster. */
export function imageBit(
  unit: { channel: number; y: number; x: number },
  size: { height: number; width: number },
): number {
  return (unit.channel * size.height + unit.y) * size.width + unit.x;
}
