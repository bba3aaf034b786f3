// The identity of a config: what must be equal for two runs to be the same run.

import { createHash } from 'node:crypto';

import type { RunConfig } from '#schemas/messages.ts';

/**
 * SHA-256, hex, of the canonical JSON (sorted keys, defaults filled in) of a config without `run` and
 * `output.dir`, which say only how the run is called and where it lies. Pass the config with portable paths,
 * so a moved clone keeps its hash.
 */
export function configSha256(config: RunConfig): string {
  return createHash('sha256')
    .update(canonicalJson(withoutPlace(config)))
    .digest('hex');
}

/** A config without its name and its place. */
export function withoutPlace({ run: _run, output, ...config }: RunConfig): object {
  const { dir: _dir, ...kept } = output;
  return { ...config, output: kept };
}

/** JSON with sorted keys and without absent values: equal data gives equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, nested: unknown) => {
    if (typeof nested !== 'object' || nested === null || Array.isArray(nested)) return nested;
    return Object.fromEntries(Object.entries(nested).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
