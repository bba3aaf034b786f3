// What a run about images came to, as lines for people.

import type { SummaryRow } from '#schemas/messages.ts';
import { formatCount, formatTable } from './format.ts';

/** Rows that are printed at most. */
const SHOWN = 20;

/** One line per model over its seeds, or per sampler and image. */
export function imageLines(rows: readonly SummaryRow[]): readonly string[] {
  const [first] = rows;
  if (first === undefined) return [];
  const isVae = 'log_likelihood' in first;
  const shown = isVae ? rows.filter(({ seed }) => seed === null) : rows;
  const table = isVae ? likelihoodTable(shown.slice(0, SHOWN)) : chainTable(shown.slice(0, SHOWN));
  const file = isVae ? 'vae_likelihood' : 'inpainting_summary';
  const rest = shown.length - SHOWN;
  return [
    '',
    ...table.map((line) => `  ${line}`),
    ...(rest > 0 ? [`  ... and ${rest} more in ${file}.parquet`] : []),
    '',
    `  next    tessera schema ${file} tells the columns`,
  ];
}

function likelihoodTable(rows: readonly SummaryRow[]): readonly string[] {
  const columns = [
    { title: 'model' },
    ...['trainings', 'bound, nats', 'log likelihood, nats', 'less the first model'].map((title) => {
      return { title, align: 'right' } as const;
    }),
  ];
  const cells = rows.map((row) => [
    String(row.model),
    String(row.trainings),
    withError(row.bound, row.bound_se),
    withError(row.log_likelihood, row.log_likelihood_se),
    row.difference === null ? '' : withError(row.difference, row.difference_se),
  ]);
  return formatTable(columns, cells);
}

function chainTable(rows: readonly SummaryRow[]): readonly string[] {
  const columns = [
    { title: 'sampler' },
    ...['image', 'R-hat', 'ESS', 'changes in a frame', 'between chains'].map((title) => {
      return { title, align: 'right' } as const;
    }),
  ];
  const share = (value: unknown) => (typeof value === 'number' ? `${(100 * value).toFixed(1)} %` : '');
  const cells = rows.map((row) => [
    String(row.model),
    String(row.image),
    typeof row.lit_r_hat === 'number' ? row.lit_r_hat.toFixed(3) : 'not defined',
    typeof row.lit_ess === 'number' ? formatCount(Math.round(row.lit_ess)) : 'not defined',
    share(row.frame_change),
    share(row.chain_change),
  ]);
  return formatTable(columns, cells);
}

function withError(value: unknown, se: unknown): string {
  if (typeof value !== 'number') return 'not defined';
  return typeof se === 'number' ? `${value.toFixed(2)} ± ${se.toFixed(2)}` : value.toFixed(2);
}
