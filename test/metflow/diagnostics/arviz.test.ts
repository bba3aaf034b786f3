// Diagnostics of committed chains against what ArviZ says of them (test/golden/diagnostics/make_diagnostics.py).

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  bulkEffectiveSize,
  quantileEffectiveSize,
  rawEffectiveSize,
  tailEffectiveSize,
} from '../../../activities/metflow/diagnostics/effective-sample-size.ts';
import {
  deviationError,
  meanError,
  quantileError,
} from '../../../activities/metflow/diagnostics/monte-carlo-error.ts';
import { rankNormalisedRHat } from '../../../activities/metflow/diagnostics/rank-normalised-r-hat.ts';
import type { ChainDraws } from '../../../activities/metflow/diagnostics/split-chains.ts';

interface Case {
  readonly chains: number;
  readonly draws: number;
  readonly values: readonly (number | string)[];
  readonly expected: Readonly<Record<string, number | string>>;
}

const GOLDEN = new URL('../../golden/diagnostics/diagnostics.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(GOLDEN, 'utf8')) as { readonly cases: Record<string, Case> };

const DIAGNOSTICS: Record<string, (draws: ChainDraws) => number> = {
  rHat: rankNormalisedRHat,
  bulk: bulkEffectiveSize,
  tail: tailEffectiveSize,
  raw: rawEffectiveSize,
  quantile25: (draws) => quantileEffectiveSize(draws, 0.25),
  meanError,
  deviationError,
  quantileError10: (draws) => quantileError(draws, 0.1),
  quantileError50: (draws) => quantileError(draws, 0.5),
};

const rows = Object.entries(cases).flatMap(([name, { expected }]) =>
  Object.entries(expected).map(([diagnostic, value]) => ({ name, diagnostic, value: Number(value) })),
);

describe('diagnostics', () => {
  it.each(rows)('$diagnostic of $name is what ArviZ finds', ({ name, diagnostic, value }) => {
    const { chains, draws, values } = cases[name]!;
    const found = DIAGNOSTICS[diagnostic]!({ chains, draws, values: Float64Array.from(values, Number) });
    if (Number.isNaN(value)) expect(found).toBeNaN();
    // Of a variance that cancels, rounding is left: 1e-12 of the draws' size.
    else expect(Math.abs(found - value)).toBeLessThanOrEqual(1e-8 * Math.abs(value) + 1e-14);
  });
});
