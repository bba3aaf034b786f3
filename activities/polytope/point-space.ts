// Points in the kernel's shared memory, with the arrays that its functions read and write. Keys are what it compares:
// Hamming distances, or squared Euclidean ones of values scaled by a power of two.

import { PipelineError } from '#schemas/errors.ts';
import { type KernelJob, type KernelWork, neighbourModule } from './neighbour-kernel.ts';
import { checkShape, copyPoints, type PointSet } from './point-set.ts';

/** Points in shared memory. Every array has one entry per row and is overwritten by the next call that uses it. */
export interface PointSpace {
  readonly metric: PointSet['metric'];
  readonly rows: number;
  readonly memory: WebAssembly.Memory;
  /** `[rows + spareRows, stride]`. */
  readonly matrix: Uint8Array;
  readonly strideBytes: number;
  /** 0, 1, 2 ... over all rows, spare ones too. */
  readonly all: Uint32Array;
  readonly others: Uint32Array;
  readonly otherCores: Float32Array;
  readonly otherComponents: Uint32Array;
  readonly listed: Uint32Array;
  readonly cores: Float32Array;
  readonly components: Uint32Array;
  readonly floors: Float32Array;
  readonly best: Float32Array;
  readonly found: Uint32Array;
  readonly sums: Float64Array;
  /** Room for `neighbours` entries a row: the index, then the key. */
  readonly lists: Uint32Array;
  readonly neighbours: number;
  /** The distance that a key stands for, in units of the points. */
  distance(key: number): number;
  /** Work for a job per block of rows; `argsOf` gets the block. */
  work(call: KernelJob['call'], shape: BlockShape, argsOf: (block: Block) => readonly number[]): KernelWork;
}

/** Rows of one job. */
export interface Block {
  /** Metric, stride, tile and the matrix's address: what every call takes first. */
  readonly head: readonly number[];
  readonly from: number;
  readonly to: number;
}

interface BlockShape {
  readonly rows: number;
  readonly others: number;
}

const CODES = 0;
const VECTORS = 1;
const CODE_LINE_BYTES = 64;
const SHORT_CODE_BYTES = 16;
const LANES = 4;
const PAGE_BYTES = 65536;
const MEMORY_BYTES = 2 ** 32;
/** Others compared at a stretch: their rows stay in a core's cache while the rows of a block pass by. */
const TILE_ROWS = 256;
const TILE_BYTES = 131072;
/** Eight-byte words that a job compares at least: about a millisecond. */
const JOB_WORDS = 4e6;
/** A job over long rows takes so many at least, since it streams the whole matrix through the cache once. */
const LONG_ROW_BYTES = 1024;
const LONG_JOB_ROWS = 64;
const SLOTS = 64;

/**
 * Copies points into fresh shared memory.
 * @param neighbours - room for so many neighbours a row.
 * @param spareRows - room for rows after the points (centres).
 * @throws PipelineError `data-invalid` where the shape does not fit the data or the points do not fit into 4 GB,
 * `non-finite-input` with row and column.
 */
export function openPointSpace(
  points: PointSet,
  { neighbours, spareRows = 0 }: { readonly neighbours: number; readonly spareRows?: number },
): PointSpace {
  checkShape(points);
  const { metric, rows } = points;
  const strideBytes = strideOf(points);
  const tile = Math.max(LANES, Math.min(TILE_ROWS, LANES * Math.floor(TILE_BYTES / strideBytes / LANES)));
  const plan = planMemory(rows, { strideBytes, spareRows, neighbours, slotBytes: LANES * tile * 4 });
  const { memory, views, matrixAt, scratch } = plan;
  const matrix = new Uint8Array(memory.buffer, matrixAt, (rows + spareRows) * strideBytes);
  const scale = copyPoints(points, matrix, strideBytes);
  for (let row = 0; row < views.all.length; row++) views.all[row] = row;
  const head = [metric === 'hamming' ? CODES : VECTORS, strideBytes, tile, matrixAt];
  return {
    ...views,
    metric,
    rows,
    memory,
    matrix,
    strideBytes,
    neighbours,
    distance: metric === 'hamming' ? (key) => key : (key) => Math.sqrt(key) / scale,
    work: (call, shape, argsOf) => ({
      module: neighbourModule(),
      memory,
      scratch,
      jobs: blocksOf(shape, strideBytes).map(([from, to]) => ({ call, args: argsOf({ head, from, to }) })),
    }),
  };
}

/** Jobs of equal size; it depends on the shape alone, never on who runs them. */
function blocksOf({ rows, others }: BlockShape, strideBytes: number): [number, number][] {
  const least = strideBytes > LONG_ROW_BYTES ? LONG_JOB_ROWS : LANES;
  const wanted = JOB_WORDS / ((strideBytes / 8) * Math.max(1, others));
  const blockRows = Math.max(least, LANES * Math.floor(wanted / LANES));
  return Array.from({ length: Math.ceil(rows / blockRows) }, (_, block) => [
    block * blockRows,
    Math.min(rows, (block + 1) * blockRows),
  ]);
}

function strideOf(points: PointSet): number {
  if (points.metric !== 'hamming') return 4 * LANES * Math.max(1, Math.ceil(points.columns / LANES));
  if (points.rowBytes <= SHORT_CODE_BYTES) return SHORT_CODE_BYTES;
  return CODE_LINE_BYTES * Math.ceil(points.rowBytes / CODE_LINE_BYTES);
}

function planMemory(
  rows: number,
  options: { strideBytes: number; spareRows: number; neighbours: number; slotBytes: number },
) {
  const { strideBytes, spareRows, neighbours, slotBytes } = options;
  let bytes = CODE_LINE_BYTES;
  function reserve(wanted: number): number {
    const at = bytes;
    // Kernels read whole vectors of lanes, past the end of an array.
    bytes = CODE_LINE_BYTES * Math.ceil((bytes + wanted + CODE_LINE_BYTES) / CODE_LINE_BYTES);
    return at;
  }
  const matrixAt = reserve((rows + spareRows) * strideBytes);
  const listsAt = reserve(rows * neighbours * 8);
  const scratch = { at: reserve(SLOTS * slotBytes), slotBytes, slots: SLOTS };
  const sumsAt = reserve(rows * 8);
  const allAt = reserve((rows + spareRows) * 4);
  const at = Array.from({ length: 9 }, () => reserve(rows * 4));
  const memory = sharedMemory(bytes, rows);
  const words = (slot: number) => new Uint32Array(memory.buffer, at[slot], rows);
  const floats = (slot: number) => new Float32Array(memory.buffer, at[slot], rows);
  const views = {
    all: new Uint32Array(memory.buffer, allAt, rows + spareRows),
    others: words(0),
    otherComponents: words(1),
    listed: words(2),
    components: words(3),
    found: words(4),
    otherCores: floats(5),
    cores: floats(6),
    floors: floats(7),
    best: floats(8),
    sums: new Float64Array(memory.buffer, sumsAt, rows),
    lists: new Uint32Array(memory.buffer, listsAt, rows * neighbours * 2),
  };
  return { memory, views, matrixAt, scratch };
}

function sharedMemory(bytes: number, rows: number): WebAssembly.Memory {
  if (bytes > MEMORY_BYTES) {
    throw new PipelineError({
      kind: 'data-invalid',
      what: 'the points are too large to be clustered in one go',
      value: `${rows} points need ${(bytes / 2 ** 30).toFixed(1)} GiB, 4 GiB at most`,
      remedy: 'Take fewer points, fewer neighbours, or fewer dimensions (principal components).',
    });
  }
  const pages = Math.ceil(bytes / PAGE_BYTES);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}
