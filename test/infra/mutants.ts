// Systematic damage to JSON: every key and list entry, removed and replaced by values of other types.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Path = readonly string[];

/** What a damaged or hand-made file may hold instead of what belongs there; undefined removes the key. */
export const STRANGE: readonly (Json | undefined)[] = [
  ...[undefined, null, true, -1, 'x', [], [null], {}, { x: 1 }],
];

/** Every place of a value, as keys from the top, but for what lies below a place that `enters` refuses. */
export function placesOf(value: Json, enters: (path: Path) => boolean = () => true, path: Path = []): Path[] {
  const inner = typeof value === 'object' && value !== null && enters(path) ? Object.keys(value) : [];
  const within = inner.flatMap((key) =>
    placesOf((value as Record<string, Json>)[key]!, enters, [...path, key]),
  );
  return path.length === 0 ? within : [path, ...within];
}

/** A copy with another value at a place; without it where that is undefined. */
export function mutated(value: Json, path: Path, to: Json | undefined): Json {
  const copy = structuredClone(value);
  const parent = path.slice(0, -1).reduce((at, key) => (at as Record<string, Json>)[key]!, copy);
  const key = path.at(-1)!;
  if (Array.isArray(parent) && to === undefined) parent.splice(Number(key), 1);
  else if (to === undefined) delete (parent as Record<string, Json>)[key];
  else (parent as Record<string, Json>)[key] = to;
  return copy;
}

/** Every mutation of one place. */
export function mutants(of: object | Json, enters?: (path: Path) => boolean): Json[] {
  const whole = JSON.parse(JSON.stringify(of)) as Json;
  return placesOf(whole, enters).flatMap((path) => STRANGE.map((to) => mutated(whole, path, to)));
}
