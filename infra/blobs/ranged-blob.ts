// A file in object storage as a Blob that is read in pieces. Readers of Parquet ask for many small neighbouring ranges, and a
// request takes 10 to 50 ms whatever its size: so it fetches blocks, and keeps the two used last.

import type { ObjectPlace } from './object-path.ts';
import type { ObjectStore } from './object-store.ts';

const BLOCK_BYTES = 2 ** 20;
const KEPT_BLOCKS = 2;

/** What readers of a Blob use of one. */
interface Pieces {
  readonly size: number;
  slice(from?: number, to?: number): Pieces;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** The object as it is now; one that is replaced while it is read makes reading fail. */
export async function rangedBlob(
  store: Pick<ObjectStore, 'head' | 'getRange'>,
  at: ObjectPlace,
): Promise<Blob> {
  const { bytes, etag } = await store.head(at);
  const blocks = new Map<number, Promise<Uint8Array>>();

  function block(number: number): Promise<Uint8Array> {
    const range = { from: number * BLOCK_BYTES, to: Math.min(bytes, (number + 1) * BLOCK_BYTES), etag };
    const found = blocks.get(number) ?? store.getRange(at, range);
    // Put in anew: a map keeps the order of insertion, so the first is the one that was not used for longest.
    blocks.delete(number);
    blocks.set(number, found);
    for (const [oldest] of blocks) if (blocks.size > KEPT_BLOCKS) blocks.delete(oldest);
    found.catch(() => blocks.delete(number));
    return found;
  }

  async function read(from: number, to: number): Promise<ArrayBuffer> {
    const whole = new Uint8Array(Math.max(0, to - from));
    for (let position = from; position < to; ) {
      const number = Math.floor(position / BLOCK_BYTES);
      const start = position - number * BLOCK_BYTES;
      const piece = (await block(number)).subarray(start, start + to - position);
      if (piece.length === 0) throw new RangeError(`no bytes at ${position} of ${at.key}`);
      whole.set(piece, position - from);
      position += piece.length;
    }
    return whole.buffer;
  }

  function pieces(from: number, to: number): Pieces {
    return {
      size: to - from,
      slice: (start = 0, end = to - from) =>
        pieces(clamped(from + start, from, to), clamped(from + end, from, to)),
      arrayBuffer: () => read(from, to),
    };
  }
  // parquet-wasm calls these three members and nothing else of a Blob; its type wants them all.
  return pieces(0, bytes) as unknown as Blob;
}

function clamped(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
