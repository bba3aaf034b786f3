// MurmurHash3_x86_128 from its definition, in whole integers: slow, and sharing nothing with the product.

const MASK = 0xffffffffn;
const C = [0x239b961bn, 0xab0e9789n, 0x38b34ae5n, 0xa1e38b93n] as const;
/** Rotation of each lane's key and of its state, and the constant added after. */
const KEY_TURNS = [15n, 16n, 17n, 18n] as const;
const STATE_TURNS = [19n, 17n, 15n, 13n] as const;
const ADDED = [0x561ccd1bn, 0x0bcaa747n, 0x96cd1c35n, 0x32ac3b17n] as const;

/**
 * The 16-byte hash of `key`, lanes in order, each little-endian.
 * @see Austin Appleby, MurmurHash3.cpp (public domain), MurmurHash3_x86_128.
 */
export function murmur3x86x128(key: Uint8Array, seed: number): Uint8Array {
  const h = [0, 1, 2, 3].map(() => BigInt(seed) & MASK);
  const blocks = Math.floor(key.length / 16);
  for (let block = 0; block < blocks; block++) {
    for (let lane = 0; lane < 4; lane++) {
      h[lane]! ^= mixedKey(
        littleEndian(key.subarray(block * 16 + lane * 4, block * 16 + lane * 4 + 4)),
        lane,
      );
      h[lane] = (rotated(h[lane]!, STATE_TURNS[lane]!) + h[(lane + 1) % 4]!) & MASK;
      h[lane] = (h[lane]! * 5n + ADDED[lane]!) & MASK;
    }
  }
  const tail = key.subarray(blocks * 16);
  for (let lane = 3; lane >= 0; lane--) {
    const part = tail.subarray(lane * 4, lane * 4 + 4);
    if (part.length > 0) h[lane]! ^= mixedKey(littleEndian(part), lane);
  }
  for (let lane = 0; lane < 4; lane++) h[lane]! ^= BigInt(key.length);
  addAcross(h);
  for (let lane = 0; lane < 4; lane++) h[lane] = finished(h[lane]!);
  addAcross(h);
  return Uint8Array.from({ length: 16 }, (_, i) => Number((h[i >> 2]! >> BigInt(8 * (i & 3))) & 0xffn));
}

/** 32-bit FNV-1a of a text's UTF-8 bytes: the seed of a span's digests. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5n;
  for (const byte of Buffer.from(text, 'utf8')) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & MASK;
  return Number(hash);
}

function mixedKey(k: bigint, lane: number): bigint {
  return (rotated((k * C[lane]!) & MASK, KEY_TURNS[lane]!) * C[(lane + 1) % 4]!) & MASK;
}

/** The first lane takes in all others, then gives the sum back. */
function addAcross(h: bigint[]): void {
  h[0] = (h[0]! + h[1]! + h[2]! + h[3]!) & MASK;
  for (let lane = 1; lane < 4; lane++) h[lane] = (h[lane]! + h[0]!) & MASK;
}

function finished(value: bigint): bigint {
  let h = value;
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & MASK;
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & MASK;
  return h ^ (h >> 16n);
}

function rotated(x: bigint, turns: bigint): bigint {
  return ((x << turns) | (x >> (32n - turns))) & MASK;
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}
