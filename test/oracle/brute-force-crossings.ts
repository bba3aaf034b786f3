// Crossings by looking: bits (or symbols of max-pools) at very many points of a line, and halving where one changes.

/** A change of one unit's bit or symbol. */
export interface Change {
  readonly t: number;
  readonly tap: number;
  readonly unit: number;
  /** Value behind the change. */
  readonly becomes: number;
}

/** Per tap the bits or symbols at a place of the path. */
export type CodesAt = (t: number) => readonly ArrayLike<number>[];

/**
 * Changes between neighbours of `samples + 1` equally spaced places, each narrowed to 1e-12. Two changes of one unit
 * between two neighbours go unseen.
 */
export function bruteForceChanges(codesAt: CodesAt, samples: number): Change[] {
  const changes: Change[] = [];
  let before = codesAt(0);
  for (let i = 1; i <= samples; i++) {
    const [low, high] = [(i - 1) / samples, i / samples];
    const after = codesAt(high);
    after.forEach((codes, tap) => {
      for (let unit = 0; unit < codes.length; unit++) {
        if (codes[unit] === before[tap]![unit]) continue;
        const t = narrowed(codesAt, { tap, unit, low, high, was: before[tap]![unit]! });
        changes.push({ t, tap, unit, becomes: codes[unit]! });
      }
    });
    before = after;
  }
  return changes;
}

function narrowed(
  codesAt: CodesAt,
  { tap, unit, low, high, was }: { tap: number; unit: number; low: number; high: number; was: number },
): number {
  let [a, b] = [low, high];
  while (b - a > 1e-12) {
    const middle = (a + b) / 2;
    if (codesAt(middle)[tap]![unit] === was) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
}
