// Codes of draws and of data, and the numbers that regions get.

import type { RegionDraws } from '../diagnostics/region-mass.ts';

/** Codes of the draws of all chains in one span. */
export interface CodedDraws {
  readonly chains: number;
  readonly draws: number;
  /** `[chains, draws, 16]`. */
  readonly digests: Uint8Array;
  /** `[chains, draws]` 1 where rounding could turn a bit. */
  readonly ambiguous: Uint8Array;
}

/** How many data points have each code. */
export interface CodeCounts {
  readonly points: number;
  /** By {@link digestKey}. */
  readonly counts: ReadonlyMap<string, number>;
}

const DIGEST_BYTES = 16;
/** Regions that hold so many data points are wanted, whether chains visit them or not. */
const FEWEST_POINTS = 5;

/** A digest as a string whose order is that of the bytes. */
export function digestKey(digests: Uint8Array, row: number): string {
  return String.fromCharCode(...digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES));
}

/** The codes of most data points, at most so many; rare ones are left out. */
export function frequentKeys({ counts }: CodeCounts, most: number): string[] {
  const frequent = [...counts].filter(([, count]) => count >= FEWEST_POINTS);
  frequent.sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return frequent.slice(0, most).map(([key]) => key);
}

/** Numbers regions in the order of their digests, those of the draws and those that are wanted. */
export function labelsOf(
  { chains, draws, digests }: CodedDraws,
  wanted: readonly string[],
): { readonly labelled: RegionDraws; readonly keys: readonly string[] } {
  const drawn = Array.from({ length: chains * draws }, (_, row) => digestKey(digests, row));
  const keys = [...new Set([...drawn, ...wanted])].sort();
  const places = new Map(keys.map((key, region) => [key, region]));
  const labels = Int32Array.from(drawn, (key) => places.get(key)!);
  return { labelled: { labels, regions: keys.length, chains, draws }, keys };
}
