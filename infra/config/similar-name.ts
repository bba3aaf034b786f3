// "Did you mean": the known name nearest to what was typed.

/**
 * The known name that a typo most likely meant, or null when none is near.
 * Distance is Damerau-Levenshtein on lower case; up to a third of the longer name may differ.
 */
export function similarName(typed: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of known) {
    const distance = editDistance(typed.toLowerCase(), name.toLowerCase());
    const allowed = Math.max(1, Math.floor(Math.max(typed.length, name.length) / 3));
    if (distance <= allowed && distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** `, did you mean X?` or nothing: the tail of an error's remedy. */
export function didYouMean(typed: string, known: readonly string[]): string {
  const name = similarName(typed, known);
  return name === null ? '' : `; did you mean ${name}?`;
}

/** Insertions, deletions, substitutions and swaps of neighbours between two words. */
function editDistance(a: string, b: string): number {
  let previous: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const edits = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same);
      next.push(swapped ? Math.min(edits, (previous[j - 2] ?? 0) + 1) : edits);
    }
    previous = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
