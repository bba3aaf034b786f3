// Addressed random numbers: every draw is a pure function of (seed, chain, step, purpose, index), so chains can be
// split, reordered, resumed or replayed from any step without a byte changing.

/** What a draw is for; each purpose has its own numbers. */
export type DrawPurpose = keyof typeof PURPOSES;

/** Where the draws of some chains at one step lie. */
export interface DrawAddress {
  /** Integer in [0, 2^53); its low and high words are the key. */
  readonly seed: number;
  /** Integer in [0, 2^53). */
  readonly step: number;
  readonly purpose: DrawPurpose;
  /** Which of several kernels of one step draws, below 256: the top byte of the block. @default 0 */
  readonly part?: number;
}

/** Codes stand in the counter's top byte: a code, once released, keeps its meaning. */
const PURPOSES = {
  init: 0,
  u: 1,
  v: 2,
  accept: 3,
  momentum: 4,
  dataOrder: 5,
  initWeights: 6,
  choice: 7,
  tree: 8,
  initMomentum: 9,
  initDirection: 10,
  projection: 11,
} as const;

const MULTIPLY_0 = 0xd2511f53;
const MULTIPLY_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const WORD = 4294967296;
const BELOW_ONE = 1 - 2 ** -53;

/**
 * Fills one row of standard normals per chain; a pair of normals (Box and Muller) takes the four words of its block.
 * @param out - `[chains, perChain]`, row-major; overwritten.
 * @param chains - `[chains]` uint32 numbers of the chains, in any order.
 */
export function fillNormals(out: Float64Array, chains: Uint32Array, address: DrawAddress): Float64Array {
  const perChain = rowLength(out, chains);
  const words = new Uint32Array(4);
  const stream = streamOf(address);
  let at = 0;
  for (const chain of chains) {
    const end = at + perChain;
    for (let block = 0; at < end; block++) {
      philoxBlock(words, stream, chain, stream.firstBlock + block);
      const radius = Math.sqrt(-2 * Math.log(openUniform(words[0]!, words[1]!)));
      const angle = 2 * Math.PI * openUniform(words[2]!, words[3]!);
      out[at++] = radius * Math.cos(angle);
      if (at < end) out[at++] = radius * Math.sin(angle);
    }
  }
  return out;
}

/**
 * Fills one row of uniforms in (0, 1) per chain, two to a block: `(k + 1/2) 2^-53` of 53 random bits k.
 * @param out - `[chains, perChain]`, row-major; overwritten.
 * @param chains - `[chains]` uint32 numbers of the chains, in any order.
 * @param firstBlock - where a row starts: its first uniform is number `2 firstBlock` of its address.
 */
export function fillUniforms(
  out: Float64Array,
  chains: Uint32Array,
  address: DrawAddress,
  firstBlock = 0,
): Float64Array {
  const perChain = rowLength(out, chains);
  const words = new Uint32Array(4);
  const stream = streamOf(address);
  let at = 0;
  for (const chain of chains) {
    const end = at + perChain;
    for (let block = firstBlock; at < end; block++) {
      philoxBlock(words, stream, chain, stream.firstBlock + block);
      out[at++] = openUniform(words[0]!, words[1]!);
      if (at < end) out[at++] = openUniform(words[2]!, words[3]!);
    }
  }
  return out;
}

/** The uniform that {@link fillUniforms} puts at `index` of the row of `chain`. */
export function uniformAt(address: DrawAddress & { readonly chain: number }, index: number): number {
  const words = new Uint32Array(4);
  const stream = streamOf(address);
  philoxBlock(words, stream, address.chain, stream.firstBlock + (index >>> 1));
  return index % 2 === 0 ? openUniform(words[0]!, words[1]!) : openUniform(words[2]!, words[3]!);
}

/** Key and the counter words that all draws of an address share. */
interface Stream {
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly stepLow: number;
  /** `purpose << 24 | stepHigh24`. */
  readonly purposeStepHigh: number;
  /** `part << 24`. */
  readonly firstBlock: number;
}

function streamOf({ seed, step, purpose, part = 0 }: DrawAddress): Stream {
  if (!Number.isSafeInteger(seed) || seed < 0 || !Number.isSafeInteger(step) || step < 0) {
    throw new RangeError(
      `a draw is addressed by integers from 0 to 2^53 - 1, not seed ${seed}, step ${step}`,
    );
  }
  if (part !== (part & 0xff))
    throw new RangeError(`the parts of a step are numbered from 0 to 255, not ${part}`);
  return {
    seedLow: seed >>> 0,
    seedHigh: Math.floor(seed / WORD),
    stepLow: step >>> 0,
    purposeStepHigh: ((PURPOSES[purpose] << 24) | Math.floor(step / WORD)) >>> 0,
    firstBlock: part * 2 ** 24,
  };
}

function rowLength(out: Float64Array, chains: Uint32Array): number {
  const perChain = chains.length === 0 ? 0 : out.length / chains.length;
  if (!Number.isInteger(perChain) || perChain > 2 ** 25) {
    throw new RangeError(
      `${out.length} draws are no whole number below 2^25 for each of ${chains.length} chains`,
    );
  }
  return perChain;
}

/** Rounding would take the largest k to 1: that one is the double below it. */
function openUniform(high: number, low: number): number {
  return Math.min(((high >>> 5) * 67108864 + (low >>> 6) + 0.5) * 2 ** -53, BELOW_ONE);
}

/**
 * Philox4x32-10 without allocation; `philox4x32` is the readable one, and the tests hold the two together.
 * Longer than a function should be: the rounds are what draws cost (bench `nuts`).
 */
function philoxBlock(words: Uint32Array, stream: Stream, chain: number, block: number): void {
  let c0 = block >>> 0;
  let c1 = stream.stepLow;
  let c2 = chain;
  let c3 = stream.purposeStepHigh;
  let k0 = stream.seedLow;
  let k1 = stream.seedHigh;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(c0, 0xd251, 0x1f53);
    const high1 = multiplyHigh(c2, 0xcd9e, 0x8d57);
    const low0 = Math.imul(MULTIPLY_0, c0);
    const low1 = Math.imul(MULTIPLY_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** High 32 bits of a product with a constant given as two halves; no sum exceeds 32 bits. */
function multiplyHigh(a: number, constantHigh: number, constantLow: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const middle = (Math.imul(aHigh, constantLow) + (Math.imul(aLow, constantLow) >>> 16)) | 0;
  const cross = (Math.imul(aLow, constantHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, constantHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}
