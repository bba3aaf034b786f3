// The wasm packing kernels behind typed-array views. One instance belongs to one session: its memory is the
// session's.

import { PACKING_WASM_BASE64 } from './wasm/packing-bytes.ts';

/** A matrix of values in kernel memory and the rows of code bytes that it becomes. */
export interface PackJob {
  /** Byte offset of the values, `[rows, bits]`. */
  readonly from: number;
  /** Byte offset of the codes, `[rows, strideBytes]`. */
  readonly to: number;
  readonly rows: number;
  readonly bits: number;
  readonly strideBytes: number;
}

/** A bit matrix per group that is to be turned around: `[rows, cols]` becomes `[cols, rows]`. */
export interface TransposeJob {
  readonly from: number;
  readonly to: number;
  readonly groups: number;
  readonly rows: number;
  readonly cols: number;
  readonly fromStrideBytes: number;
  readonly toStrideBytes: number;
}

/** Kernel memory with the packing functions over it; offsets are bytes from its start. */
export interface PackingKernel {
  /**
   * Reserves `bytes` zeroed bytes on a 64-byte boundary. Growing moves the memory: take views after the last
   * reservation.
   */
  reserve(bytes: number): number;
  readonly buffer: ArrayBuffer;
  /** Float values to bits (`> 0`); false where a value was infinite or NaN. */
  packFloats(job: PackJob): boolean;
  /** Bytes 0 or 1 to bits. */
  packBools(job: PackJob): void;
  transposeBits(job: TransposeJob): void;
  /** `to[row]` (uint32) = how many of the row's floats lie in (-limit, limit). */
  countWithin(job: Omit<PackJob, 'strideBytes'>, limit: number): void;
  /** `to[row]` (float32) = L2 norm of the row's `bits` floats. */
  rowNorms(job: Omit<PackJob, 'strideBytes'>): void;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  packFloats(from: number, to: number, rows: number, bits: number, stride: number): number;
  packBools(from: number, to: number, rows: number, bits: number, stride: number): void;
  transposeBits(
    from: number,
    to: number,
    groups: number,
    rows: number,
    cols: number,
    fs: number,
    ts: number,
  ): void;
  countWithin(from: number, to: number, rows: number, bits: number, limit: number): void;
  rowNorms(from: number, to: number, rows: number, bits: number): void;
}

const PAGE_BYTES = 65536;
const FIRST_FREE_BYTE = 1024;
const INFINITY_BITS = 0x7f800000;

/** A fresh kernel with its own memory. */
export function createPackingKernel(): PackingKernel {
  const bytes = Uint8Array.from(atob(PACKING_WASM_BASE64), (char) => char.charCodeAt(0));
  const wasm = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Exports;
  let top = FIRST_FREE_BYTE;
  return {
    reserve(wanted) {
      const offset = top;
      top += Math.ceil(wanted / 64) * 64;
      const missing = top + 64 - wasm.memory.buffer.byteLength;
      if (missing > 0) wasm.memory.grow(Math.ceil(missing / PAGE_BYTES));
      return offset;
    },
    get buffer() {
      return wasm.memory.buffer;
    },
    packFloats: ({ from, to, rows, bits, strideBytes }) =>
      wasm.packFloats(from, to, rows, bits, strideBytes) >>> 0 < INFINITY_BITS,
    packBools: ({ from, to, rows, bits, strideBytes }) => wasm.packBools(from, to, rows, bits, strideBytes),
    transposeBits: ({ from, to, groups, rows, cols, fromStrideBytes, toStrideBytes }) =>
      wasm.transposeBits(from, to, groups, rows, cols, fromStrideBytes, toStrideBytes),
    countWithin: ({ from, to, rows, bits }, limit) => wasm.countWithin(from, to, rows, bits, limit),
    rowNorms: ({ from, to, rows, bits }) => wasm.rowNorms(from, to, rows, bits),
  };
}
