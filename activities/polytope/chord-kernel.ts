// Memory of doubles with the row operations of wasm/chord.as.ts over it. Rows are named by the index of their first double.

import { CHORD_WASM_BASE64 } from './wasm/chord-bytes.ts';

/** Kernel memory of one solver; offsets count doubles from its start. */
export interface ChordKernel {
  /** Reserves zeroed doubles on a 64-byte boundary. Growing moves the memory: take `values` anew after it. */
  reserve(doubles: number): number;
  readonly values: Float64Array;
  /** Columns that the last {@link ChordKernel.scanRow} found. */
  readonly found: Uint32Array;
  /**
   * Values of `row` within `tolerance` of `level` become `level` (none where negative), then finds the columns in which
   * `previous` and `row` do not lie strictly on one side of the level.
   * @returns how many columns, which lie in {@link ChordKernel.found}, ascending.
   */
  scanRow(previous: number, row: number, count: number, level: number, tolerance: number): number;
  /** `out = a + u (b - a)` */
  lerpRow(a: number, b: number, out: number, count: number, u: number): void;
  /** `out = b - a` */
  differRow(a: number, b: number, out: number, count: number): void;
  /** `out = a + factor b`; `out` may be `a`. */
  addRow(a: number, b: number, out: number, count: number, factor: number): void;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  scanRow(prev: number, row: number, count: number, level: number, tolerance: number, out: number): number;
  lerpRow(a: number, b: number, out: number, count: number, u: number): void;
  differRow(a: number, b: number, out: number, count: number): void;
  addRow(a: number, b: number, out: number, count: number, factor: number): void;
}

const PAGE_BYTES = 65536;
const FIRST_FREE_BYTE = 1024;

let compiled: WebAssembly.Module | undefined;

/** Compiled once: a kernel of a fresh module starts with slow code every time. */
function chordModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(CHORD_WASM_BASE64), (char) => char.charCodeAt(0)));
  return compiled;
}

/**
 * A fresh kernel.
 * @param mostColumns - the widest row that it will scan.
 */
export function createChordKernel(mostColumns: number): ChordKernel {
  const wasm = new WebAssembly.Instance(chordModule()).exports as unknown as Exports;
  let top = FIRST_FREE_BYTE;
  const reserveBytes = (wanted: number): number => {
    const offset = top;
    top += Math.ceil(wanted / 64) * 64;
    const missing = top - wasm.memory.buffer.byteLength;
    if (missing > 0) wasm.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return offset;
  };
  const foundAt = reserveBytes(mostColumns * 4);
  let values = new Float64Array(wasm.memory.buffer);
  let found = new Uint32Array(wasm.memory.buffer, foundAt, mostColumns);
  return {
    reserve(doubles) {
      const at = reserveBytes(doubles * 8) / 8;
      values = new Float64Array(wasm.memory.buffer);
      found = new Uint32Array(wasm.memory.buffer, foundAt, mostColumns);
      return at;
    },
    get values() {
      return values;
    },
    get found() {
      return found;
    },
    scanRow: (previous, row, count, level, tolerance) =>
      wasm.scanRow(previous * 8, row * 8, count, level, tolerance, foundAt),
    lerpRow: (a, b, out, count, u) => wasm.lerpRow(a * 8, b * 8, out * 8, count, u),
    differRow: (a, b, out, count) => wasm.differRow(a * 8, b * 8, out * 8, count),
    addRow: (a, b, out, count, factor) => wasm.addRow(a * 8, b * 8, out * 8, count, factor),
  };
}
