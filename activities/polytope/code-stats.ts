// Statistics of bits: rates and label information of units, and the dimension of a sample of codes.

import type { UnitCounts } from './unit-table.ts';

export interface UnitStats {
  /** Code rows counted. */
  readonly rows: number;
  /** `[codeBits]` share of rows in which the unit is on. */
  readonly rate: Float64Array;
  readonly dead: number;
  readonly alwaysOn: number;
  /** Sum of the units' entropies. */
  readonly independentBits: number;
  /** `[codeBits]` mutual information of bit and label, or null without labelled rows. */
  readonly labelBits: Float64Array | null;
  /** Share of pre-activations with |z| < 2; null where the activation is piecewise linear. */
  readonly softFraction: number | null;
}

/** Entropy of a bit with rate `p`, in bits. */
export function bitEntropy(p: number): number {
  return p <= 0 || p >= 1 ? 0 : -(p * Math.log2(p) + (1 - p) * Math.log2(1 - p));
}

/** Statistics of one tap from its counts by class; null without rows. */
export function unitStats(counts: readonly UnitCounts[]): UnitStats | null {
  const rows = counts.reduce((sum, part) => sum + part.rows, 0);
  const codeBits = counts[0]?.on.length ?? 0;
  if (rows === 0) return null;
  const rate = Float64Array.from({ length: codeBits }, (_, unit) => onRows(counts, unit) / rows);
  const soft = counts.reduce((sum, part) => sum + part.soft, 0);
  return {
    rows,
    rate,
    dead: rate.filter((p) => p === 0).length,
    alwaysOn: rate.filter((p) => p === 1).length,
    independentBits: rate.reduce((sum, p) => sum + bitEntropy(p), 0),
    labelBits: labelInformation(counts, codeBits),
    softFraction: Number.isNaN(soft) ? null : soft / (rows * codeBits),
  };
}

/** Plug-in mutual information of every bit with the label, over labelled rows. */
function labelInformation(counts: readonly UnitCounts[], codeBits: number): Float64Array | null {
  const labelled = counts.filter(({ classId, rows }) => classId >= 0 && rows > 0);
  const rows = labelled.reduce((sum, part) => sum + part.rows, 0);
  if (rows === 0) return null;
  return Float64Array.from({ length: codeBits }, (_, unit) => {
    const given = labelled.reduce(
      (sum, part) => sum + (part.rows / rows) * bitEntropy(part.on[unit]! / part.rows),
      0,
    );
    return Math.max(0, bitEntropy(onRows(labelled, unit) / rows) - given);
  });
}

function onRows(counts: readonly UnitCounts[], unit: number): number {
  let on = 0;
  for (const part of counts) on += part.on[unit]!;
  return on;
}
