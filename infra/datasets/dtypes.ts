// Element types of array files (IDX, npy) and how their bytes become numbers.

/** Element types that can be read; names as in numpy. */
export const DTYPES = {
  uint8: { bytes: 1, float: false },
  int8: { bytes: 1, float: false },
  int16: { bytes: 2, float: false },
  uint16: { bytes: 2, float: false },
  int32: { bytes: 4, float: false },
  uint32: { bytes: 4, float: false },
  int64: { bytes: 8, float: false },
  uint64: { bytes: 8, float: false },
  float16: { bytes: 2, float: true },
  float32: { bytes: 4, float: true },
  float64: { bytes: 8, float: true },
} as const;

export type Dtype = keyof typeof DTYPES;

export const DTYPE_NAMES = Object.keys(DTYPES) as [Dtype, ...Dtype[]];

export type NumericArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/**
 * Views bytes as numbers. Swaps in place where the file's byte order is not the machine's, so the bytes are
 * consumed.
 * @param bytes - starts at a multiple of 8 bytes in its buffer; whole elements.
 * @returns a view on `bytes`, or fresh float32 for float16 and float64 for 64-bit integers (exact below
 * 2^53).
 */
export function numbersOf(bytes: Uint8Array, { dtype, swap }: { dtype: Dtype; swap: boolean }): NumericArray {
  const width = DTYPES[dtype].bytes;
  if (swap) swapBytes(bytes, width);
  const { buffer, byteOffset } = bytes;
  const length = bytes.length / width;
  switch (dtype) {
    case 'uint8':
      return bytes;
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    case 'int16':
      return new Int16Array(buffer, byteOffset, length);
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, length);
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    case 'float16':
      return halvesToFloat32(new Uint16Array(buffer, byteOffset, length));
    case 'int64':
      return wideToFloat64(new Uint32Array(buffer, byteOffset, length * 2), 'signed');
    case 'uint64':
      return wideToFloat64(new Uint32Array(buffer, byteOffset, length * 2), 'unsigned');
  }
}

let halfTable: Float32Array | null = null;

/** IEEE 754 binary16 to float32, exactly, through a table of all 65,536 values. */
function halvesToFloat32(halves: Uint16Array): Float32Array {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => halfToNumber(bits));
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = halfTable[halves[i] as number] as number;
  return out;
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function wideToFloat64(words: Uint32Array, kind: 'signed' | 'unsigned'): Float64Array {
  const out = new Float64Array(words.length / 2);
  for (let i = 0; i < out.length; i++) {
    const high = words[2 * i + 1] as number;
    out[i] = (kind === 'signed' ? high | 0 : high) * 4294967296 + (words[2 * i] as number);
  }
  return out;
}

function swapBytes(bytes: Uint8Array, width: number): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (width === 2) view.swap16();
  else if (width === 4) view.swap32();
  else if (width === 8) view.swap64();
}
