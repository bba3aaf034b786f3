// What differs between the config of a finished run and the one that is asked for.

import type { RunConfig } from '#schemas/messages.ts';
import { quoteValue } from './config-faults.ts';
import { canonicalJson, withoutPlace } from './config-hash.ts';

/** One key whose value changed; null stands for "not set". */
export interface ConfigChange {
  readonly key: string;
  readonly old: string | null;
  readonly new: string | null;
}

/** Changed keys in the order of the config; name and place of the run are left out. */
export function diffConfigs(old: RunConfig, next: RunConfig): readonly ConfigChange[] {
  const before = leaves(withoutPlace(old));
  const after = leaves(withoutPlace(next));
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].flatMap((key) => {
    const [a, b] = [before.get(key), after.get(key)];
    if (canonicalJson(a) === canonicalJson(b)) return [];
    return [
      { key, old: a === undefined ? null : quoteValue(a), new: b === undefined ? null : quoteValue(b) },
    ];
  });
}

/** `model.control: "none" → "random_init"`. */
export function describeChange({ key, old, new: next }: ConfigChange): string {
  return `${key}: ${old ?? 'not set'} → ${next ?? 'not set'}`;
}

/** Values by dotted key; a list is one value. */
function leaves(value: object, prefix = ''): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [key, child] of Object.entries(value) as [string, unknown][]) {
    if (typeof child === 'object' && child !== null && !Array.isArray(child)) {
      for (const [path, leaf] of leaves(child, `${prefix}${key}.`)) found.set(path, leaf);
    } else if (child !== undefined) found.set(`${prefix}${key}`, child);
  }
  return found;
}
