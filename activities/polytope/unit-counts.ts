// How often each unit is on, per class: bit-sliced counters over packed codes, so the cost is per word, not per bit.

/**
 * Counts set bits per column of packed codes, separately per class.
 * @param words - `[rows, wordsPerRow]` uint32 code words.
 * @param classOf - `[rows]` dense class index of each row, below `classes`.
 * @returns `[classes, codeBits]` uint32 counts, row-major.
 */
export function countUnits(
  words: Uint32Array,
  classOf: Int32Array,
  {
    rows,
    wordsPerRow,
    codeBits,
    classes,
  }: { rows: number; wordsPerRow: number; codeBits: number; classes: number },
): Uint32Array {
  const perClass = new Int32Array(classes);
  for (let row = 0; row < rows; row++) perClass[classOf[row]!]!++;
  const planes = 32 - Math.clz32(perClass.reduce((most, count) => Math.max(most, count), 0));
  // counters[(class * words + word) * planes + k] holds bit k of 32 column counts at once.
  const counters = new Uint32Array(classes * wordsPerRow * planes);
  for (let row = 0; row < rows; row++) {
    const base = classOf[row]! * wordsPerRow;
    const start = row * wordsPerRow;
    for (let word = 0; word < wordsPerRow; word++) {
      let carry = words[start + word]!;
      for (let plane = (base + word) * planes; carry !== 0; plane++) {
        const held = counters[plane]!;
        counters[plane] = held ^ carry;
        carry &= held;
      }
    }
  }
  return unslice(counters, { classes, wordsPerRow, planes, codeBits });
}

function unslice(
  counters: Uint32Array,
  {
    classes,
    wordsPerRow,
    planes,
    codeBits,
  }: { classes: number; wordsPerRow: number; planes: number; codeBits: number },
): Uint32Array {
  const counts = new Uint32Array(classes * codeBits);
  for (let klass = 0; klass < classes; klass++) {
    for (let bit = 0; bit < codeBits; bit++) {
      const slice = (klass * wordsPerRow + (bit >>> 5)) * planes;
      let count = 0;
      for (let plane = 0; plane < planes; plane++)
        count += ((counters[slice + plane]! >>> (bit & 31)) & 1) << plane;
      counts[klass * codeBits + bit] = count;
    }
  }
  return counts;
}
