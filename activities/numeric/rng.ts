// Counter-based random numbers: a draw depends only on (seed, stream, position), so a repeated step gives the
// same numbers.

/** Sequential draws of one stream. */
export interface RandomStream {
  /** Next 32 random bits. */
  uint32(): number;
  /** Next uniform in [0, 1) with 53 random bits. */
  uniform(): number;
  /** Next standard normal. */
  normal(): number;
  /** Next unbiased integer in [0, bound), `bound` at most 2^32. */
  below(bound: number): number;
}

const ROUNDS = 10;
const MULTIPLY_0 = 0xd2511f53;
const MULTIPLY_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

type Four = readonly [number, number, number, number];

/**
 * Philox4x32-10: four random words of a counter and a key.
 * @param counter - four uint32.
 * @param key - two uint32.
 * @see Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
 */
export function philox4x32(counter: Four, key: readonly [number, number]): Four {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLY_0, c0);
    const high1 = multiplyHigh(MULTIPLY_1, c2);
    const low0 = Math.imul(MULTIPLY_0, c0);
    const low1 = Math.imul(MULTIPLY_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * A stream named by a seed and up to four numbers, such as chain, step and draw; 2^34 words long.
 * @throws RangeError where more than four stream numbers are given or one is no uint32.
 */
export function randomStream(seed: number, ...stream: readonly number[]): RandomStream {
  if (stream.length > 4 || [seed, ...stream].some((word) => word !== word >>> 0)) {
    throw new RangeError('a random stream is named by a uint32 seed and up to four uint32');
  }
  const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = stream;
  let block = 0;
  let words: Four = [0, 0, 0, 0];
  let used = 4;
  let spare: number | null = null;
  function uint32(): number {
    if (used === 4) {
      words = philox4x32([block++, s1, s2, s3], [seed, s0]);
      used = 0;
    }
    return words[used++] as number;
  }
  function uniform(): number {
    return ((uint32() >>> 5) * 67108864 + (uint32() >>> 6)) / 9007199254740992;
  }
  function normal(): number {
    if (spare !== null) {
      const kept = spare;
      spare = null;
      return kept;
    }
    // 1 - u lies in (0, 1], so the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
  function below(bound: number): number {
    const limit = 4294967296 - (4294967296 % bound);
    let word = uint32();
    while (word >= limit) word = uint32();
    return word % bound;
  }
  return { uint32, uniform, normal, below };
}

/** Shuffles in place (Fisher and Yates). */
export function shuffle<T extends { length: number; [index: number]: number }>(
  values: T,
  random: RandomStream,
): T {
  for (let last = values.length - 1; last > 0; last--) {
    const at = random.below(last + 1);
    const moved = values[last] as number;
    values[last] = values[at] as number;
    values[at] = moved;
  }
  return values;
}

/** High 32 bits of a 32 x 32 bit product, by 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const cross = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + Math.floor(middle / 65536) + (cross >>> 16)) >>> 0;
}
