// What an experiment found, as lines for people.

import type { RunManifest } from '#schemas/messages.ts';
import { formatTable } from './format.ts';

type Claims = NonNullable<RunManifest['claims']>;
type Claim = Claims[number];

const COLUMNS = [
  { title: 'model' },
  { title: 'span' },
  { title: 'effect', align: 'right' },
  { title: 'interval', align: 'right' },
  { title: 'null', align: 'right' },
  { title: 'p', align: 'right' },
  { title: 'n', align: 'right' },
  { title: 'verdict' },
] as const;

/** Rows of one claim; the table has the rest. */
const MOST_ROWS = 16;

/**
 * Each claim with its rows for the trained model, and how the verdicts on the controls are spread; all models where none is
 * `trained`. Nothing where an experiment judges no claim.
 */
export function claimLines(claims: Claims): readonly string[] {
  const names = [...new Set(claims.map(({ claim }) => claim))];
  return names.flatMap((name) =>
    linesOf(
      String(name),
      claims.filter(({ claim }) => claim === name),
    ),
  );
}

function linesOf(name: string, claims: readonly Claim[]): readonly string[] {
  const trained = claims.filter(({ model }) => model === 'trained');
  const main = trained.length > 0 ? trained : claims;
  const controls = claims.filter((claim) => !main.includes(claim));
  const left = main.length - MOST_ROWS;
  return [
    '',
    `  ${name}`,
    ...formatTable(COLUMNS, main.slice(0, MOST_ROWS).map(cellsOf)).map((line) => `    ${line}`),
    ...(left > 0 ? [`    and ${left} more in claims.parquet`] : []),
    ...(controls.length > 0 ? [`    controls: ${verdicts(controls)}`] : []),
  ];
}

/** `3 not shown, 1 supported`, the most frequent first. */
function verdicts(claims: readonly Claim[]): string {
  const counts = new Map<string, number>();
  for (const { verdict } of claims) counts.set(String(verdict), (counts.get(String(verdict)) ?? 0) + 1);
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return sorted.map(([verdict, count]) => `${count} ${verdict}`).join(', ');
}

function cellsOf(claim: Claim): readonly string[] {
  const { ci_low: low, ci_high: high } = claim;
  const interval = low === null || high === null ? '' : `${formatEffect(low)} to ${formatEffect(high)}`;
  return [
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

/** Two significant digits; no p-value is 0. */
function formatP(value: unknown): string {
  if (typeof value !== 'number') return '';
  return value < 0.0001 ? '< 0.0001' : String(Number(value.toPrecision(2)));
}
