// Text around each token of a sequence, for people who look at regions.

/** Tokens of text on each side. */
const AROUND = 8;

/**
 * Contexts of all tokens of one sequence: up to 8 tokens of text on each side, the token between « and ».
 * Text outside the sequence is left out, since the model does not see it. Cut characters show as U+FFFD.
 */
export function contextsOf(ids: ArrayLike<number>, bytesOf: (id: number) => Uint8Array): string[] {
  const pieces = Array.from(ids, (id) => Buffer.from(bytesOf(id)));
  const starts = [0];
  for (const piece of pieces) starts.push((starts.at(-1) as number) + piece.length);
  const bytes = Buffer.concat(pieces);
  const slice = slicerOf(bytes);
  const at = (token: number) => starts[Math.max(0, Math.min(token, pieces.length))] as number;
  return pieces.map((_, token) => {
    const left = slice(at(token - AROUND), at(token));
    const right = slice(at(token + 1), at(token + 1 + AROUND));
    return `${left}«${slice(at(token), at(token + 1))}»${right}`;
  });
}

/**
 * Slices of one string where every byte is a character, which is several times cheaper than decoding each
 * slice.
 */
function slicerOf(bytes: Buffer): (from: number, to: number) => string {
  const text = bytes.toString('utf8');
  if (text.length === bytes.length) return (from, to) => text.slice(from, to);
  return (from, to) => bytes.toString('utf8', from, to);
}
