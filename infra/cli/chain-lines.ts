// What chains came to, as lines for people.

import type { ChainSummary, SpanMasses } from '#schemas/messages.ts';
import { formatCount, formatSeconds, formatTable } from './format.ts';

/** Above it, chains have not mixed (Vehtari et al., 2021). */
const MOST_R_HAT = 1.01;
/** Rows of a table that are shown; the rest is in its file. */
const SHOWN = 12;

const DIAGNOSTICS = [
  { title: 'parameter' },
  { title: 'mean', align: 'right' },
  { title: 'sd', align: 'right' },
  { title: 'MCSE', align: 'right' },
  { title: 'ESS bulk', align: 'right' },
  { title: 'ESS tail', align: 'right' },
  { title: 'R-hat', align: 'right' },
] as const;
const KERNELS = [
  { title: 'kernel' },
  { title: 'accepted', align: 'right' },
  { title: 'squared jump', align: 'right' },
  { title: 'longest stay', align: 'right' },
] as const;

const REGIONS = [
  { title: 'estimate' },
  { title: 'span' },
  { title: 'regions', align: 'right' },
  { title: 'of their own', align: 'right' },
  { title: 'other mass', align: 'right' },
  { title: 'unseen', align: 'right' },
  { title: 'JS to data, bits', align: 'right' },
] as const;

const MASSES = [
  { title: 'region of' },
  { title: 'mass', align: 'right' },
  { title: 'ESS', align: 'right' },
  { title: 'data', align: 'right' },
  { title: 'difference', align: 'right' },
  { title: 'p, adjusted', align: 'right' },
] as const;
/** Of a digest, as the report shows it. */
const DIGITS = 12;

type Row = ChainSummary['diagnostics'][number];

/** Diagnostics, kernels, modes, a verdict, and what to type next. */
export function chainLines(run: string, summary: ChainSummary): readonly string[] {
  const { draws, diagnostics, kernels, modes, regions = [], levels = [], masses = [], bounds = [] } = summary;
  const { trainingSeconds, samplingSeconds } = summary;
  const took = [
    ...(trainingSeconds === null ? [] : [`training ${formatSeconds(trainingSeconds)}`]),
    `sampling ${formatSeconds(samplingSeconds)}`,
  ];
  return [
    `  time    ${took.join(', ')}`,
    '',
    ...indented(formatTable(DIAGNOSTICS, shown(diagnostics).map(diagnosticCells))),
    ...more(diagnostics, 'diagnostics'),
    '',
    ...indented(formatTable(KERNELS, shown(kernels).map(kernelCells))),
    ...more(kernels, 'kernel_health'),
    ...boundLines(bounds),
    ...modeLines(modes),
    ...levelLines(levels),
    ...regionLines(regions),
    ...massLines(masses),
    '',
    verdict(diagnostics),
    `  next    tessera extend ${run} --draws ${draws} goes on with the chains; tessera schema draws tells the columns`,
  ];
}

function diagnosticCells(row: Row): readonly string[] {
  return [
    String(row.parameter),
    ...['mean', 'sd', 'mcse_mean'].map((name) => figure(row[name], 4)),
    ...['ess_bulk', 'ess_tail'].map((name) => count(row[name])),
    typeof row.r_hat === 'number' ? row.r_hat.toFixed(4) : 'not defined',
  ];
}

function kernelCells(row: Row): readonly string[] {
  const accepted = row.mean_acceptance;
  return [
    String(row.kernel),
    typeof accepted === 'number' ? `${(100 * accepted).toFixed(1)} %` : '',
    figure(row.squared_jump, 3),
    count(row.longest_rejection_run),
  ];
}

function modeLines(modes: readonly Row[]): readonly string[] {
  if (modes.length === 0) return [];
  const visited = modes.filter((row) => row.visited === true).length;
  const worst = Math.max(...modes.map((row) => Math.abs(Number(row.mass_error))));
  return ['', `  modes   ${visited} of ${modes.length} visited, largest error of a mass ${worst.toFixed(4)}`];
}

/** `  levels  mass 2.4e-4 (95 %: 2.2e-4 to 2.6e-4), log -8.32 ± 0.04, in 6 levels; all errors are reliable` */
function levelLines(levels: readonly Row[]): readonly string[] {
  const last = levels.at(-1);
  if (last === undefined) return [];
  const trusted = levels.filter(({ reliable, share }) => reliable === true || share === 1).length;
  const errors =
    trusted === levels.length
      ? 'all errors are reliable'
      : `${trusted} of ${levels.length} errors ${trusted === 1 ? 'is' : 'are'} reliable`;
  if (typeof last.log_mass !== 'number')
    return ['', `  levels  no draw passes all of ${levels.length} levels; ${errors}`];
  const [mass, low, high] = [Math.exp(last.log_mass), last.ci_low, last.ci_high].map((value) =>
    figure(value, 3),
  );
  const log = `log ${figure(last.log_mass, 4)} ± ${figure(last.log_mass_se, 2)}`;
  return [
    '',
    `  levels  mass ${mass} (95 %: ${low} to ${high}), ${log}, in ${levels.length} levels; ${errors}`,
  ];
}

/** `  bound   path -1.81 ± 0.03, mean field -2.61 ± 0.04 nats (1,000 paths each); log Z 0` */
function boundLines(bounds: readonly Row[]): readonly string[] {
  const [first] = bounds;
  if (first === undefined) return [];
  const laws = bounds.map((row) => {
    return `${String(row.law).replace('_', ' ')} ${figure(row.elbo, 4)} ± ${figure(row.elbo_se, 2)}`;
  });
  const known = typeof first.log_z === 'number' ? `; log Z ${figure(first.log_z, 4)}` : '';
  return ['', `  bound   ${laws.join(', ')} nats (${count(first.paths)} paths each)${known}`];
}

function verdict(diagnostics: readonly Row[]): string {
  const unmixed = diagnostics.filter(({ r_hat: value }) => typeof value !== 'number' || value > MOST_R_HAT);
  if (unmixed.length === 0) return `  mixed   R-hat is at most ${MOST_R_HAT} for every parameter`;
  const names = shown(unmixed).map((row) => String(row.parameter));
  const rest = unmixed.length > names.length ? ' and others' : '';
  return `  NOT MIXED: R-hat is above ${MOST_R_HAT} or not defined for ${names.join(', ')}${rest}; do not trust these draws`;
}

function regionLines(regions: readonly Row[]): readonly string[] {
  if (regions.length === 0) return [];
  const table = formatTable(REGIONS, shown(regions).map(regionCells));
  return ['', ...indented(table), ...more(regions, 'region_summary')];
}

function regionCells(row: Row): readonly string[] {
  return [
    String(row.estimate),
    String(row.span),
    ...['regions', 'reported'].map((name) => count(row[name])),
    ...['other_mass', 'unseen_mass'].map((name) => figure(row[name], 3)),
    row.js_bits === null ? 'no data' : figure(row.js_bits, 3),
  ];
}

/** The heaviest regions of the last span, which is the whole network where that is asked for, and what to make of the errors. */
function massLines(masses: readonly SpanMasses[]): readonly string[] {
  const last = masses.at(-1);
  if (last === undefined) return [];
  const [first, ...columns] = MASSES;
  const titles = [{ title: `${first.title} ${last.span}` }, ...columns];
  const rest = ['all others', percent(last.rest.mass), '', percent(last.rest.data_frequency), '', ''];
  const trusted = masses.map(({ span, rows, reliableRows, reliableMass }) => {
    return `${span} ${count(reliableRows)} of ${count(rows)} with ${percent(reliableMass)} of the mass`;
  });
  return [
    '',
    ...indented(formatTable(titles, [...last.heaviest.map(massCells), rest])),
    `  regions whose error is reliable: ${trusted.join('; ')}; an error with ~ is that between chains`,
  ];
}

function massCells(row: Row): readonly string[] {
  const error = row.se === null ? '' : ` ±${row.reliable === true ? '' : '~'} ${percent(row.se)}`;
  return [
    String(row.region).slice(0, DIGITS),
    `${percent(row.mass)}${error}`,
    row.ess === null ? '' : count(row.ess),
    percent(row.data_frequency),
    percent(row.difference),
    row.p_adjusted === null ? '' : row.p_adjusted === 0 ? '< 1e-300' : figure(row.p_adjusted, 2),
  ];
}

/** Of what is not there nothing, as where there are no data. */
function percent(value: unknown): string {
  return typeof value === 'number' ? `${(100 * value).toFixed(2)} %` : '';
}

function more(rows: readonly Row[], table: string): readonly string[] {
  return rows.length <= SHOWN ? [] : [`  ... and ${rows.length - SHOWN} more in ${table}.parquet`];
}

function shown(rows: readonly Row[]): readonly Row[] {
  return rows.slice(0, SHOWN);
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function figure(value: unknown, digits: number): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(digits))) : 'not defined';
}

function count(value: unknown): string {
  return typeof value === 'number' ? formatCount(Math.round(value)) : 'not defined';
}
