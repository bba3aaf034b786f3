// What an experiment found, as lines for people.

import type { RunManifest } from '#schemas/messages.ts';
import { formatTable } from './format.ts';

type Claims = NonNullable<RunManifest['claims']>;

const COLUMNS = [
  { title: 'claim' },
  { title: 'model' },
  { title: 'span' },
  { title: 'effect', align: 'right' },
  { title: 'interval', align: 'right' },
  { title: 'null', align: 'right' },
  { title: 'p', align: 'right' },
  { title: 'n', align: 'right' },
  { title: 'verdict' },
] as const;

/** The claims as a table with its legend; nothing where an experiment judges none. */
export function claimLines(claims: Claims): readonly string[] {
  if (claims.length === 0) return [];
  return ['', ...formatTable(COLUMNS, claims.map(cellsOf)).map((line) => `  ${line}`), ''];
}

function cellsOf(claim: Claims[number]): readonly string[] {
  const { ci_low: low, ci_high: high } = claim;
  const interval = low === null || high === null ? '' : `${formatEffect(low)} to ${formatEffect(high)}`;
  return [
    String(claim.claim),
    String(claim.model),
    String(claim.span),
    formatEffect(claim.effect),
    interval,
    formatEffect(claim.null_effect),
    formatP(claim.p_value),
    String(claim.n),
    String(claim.verdict),
  ];
}

/** Four significant digits. */
function formatEffect(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : '';
}

function formatP(value: unknown): string {
  if (typeof value !== 'number') return '';
  return value > 0 && value < 0.0001 ? '< 0.0001' : String(Number(value.toPrecision(2)));
}
