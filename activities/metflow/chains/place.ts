// Where a group of chains stands, and how its way is cut into segments.

/** Sweeps of the warm-up and recorded draws that are behind the chains. */
export interface Place {
  readonly warmed: number;
  readonly drawn: number;
}

export interface SegmentCuts {
  /** Sweeps of the warm-up. */
  readonly warmup: number;
  /** Draws, or sweeps of the warm-up, of a segment. */
  readonly every: number;
  /** Draws at which the run has ended or will end, ascending: a segment never reaches across one. */
  readonly ends: readonly number[];
}

export const START: Place = { warmed: 0, drawn: 0 };

/** The end of the segment that begins at a place; null at the last end. It depends on nothing else. */
export function nextPlace({ warmed, drawn }: Place, { warmup, every, ends }: SegmentCuts): Place | null {
  if (warmed < warmup) return { warmed: Math.min(nextMultiple(warmed, every), warmup), drawn: 0 };
  const end = ends.find((draws) => draws > drawn);
  return end === undefined ? null : { warmed, drawn: Math.min(nextMultiple(drawn, every), end) };
}

/** Whether a place lies before another. */
export function isBefore(a: Place, b: Place): boolean {
  return a.warmed < b.warmed || (a.warmed === b.warmed && a.drawn < b.drawn);
}

/** Number of the sweep that comes next: what random numbers are addressed by. */
export function sweepAt({ warmed, drawn }: Place, thin: number): number {
  return warmed + drawn * thin;
}

function nextMultiple(value: number, of: number): number {
  return (Math.floor(value / of) + 1) * of;
}
