// What was run, on what, and what to know before reading on.

import type { RunManifest } from '#schemas/messages.ts';
import { formatCount, formatSeconds } from '../../cli/format.ts';
import { dataTable } from '../data-table.ts';
import { html, type Content, type Markup } from '../markup.ts';
import type { ReportRun } from '../report-run.ts';
import type { Section } from '../section.ts';

export const overview: Section = {
  id: 'overview',
  title: 'What was run',
  async render({ runs, exemplars }) {
    const rows = runs.map((run) => overviewRow(run));
    const columns = ['run', 'model or target', 'weights', 'data', 'rows', 'took', 'seed'];
    const notices = runs.flatMap((run) => noticesOf(run, exemplars(run).notice));
    return html`${dataTable(columns, rows)}${noticeList(notices)}${runs.map(details)}`;
  },
};

function overviewRow({ runId, manifest }: ReportRun): readonly Content[] {
  const { config, model, data, rows = {}, seconds } = manifest;
  const control =
    'model' in config && config.model !== undefined && 'control' in config.model
      ? config.model.control
      : 'none';
  const counted = ['points', 'regions', 'draws', 'claims'].filter((name) => (rows[name] ?? 0) > 0);
  const shown = counted.length > 0 ? counted : Object.keys(rows).slice(0, 1);
  return [
    runId,
    model === null ? targetName(manifest) : baseName(model.file),
    weightsOf(model === null, control),
    dataName((data?.files ?? []).map(({ file }) => baseName(file))),
    shown.map((name) => `${formatCount(rows[name]!)} ${name}`).join(', '),
    seconds === undefined ? '–' : formatSeconds(seconds),
    String(config.seed),
  ];
}

/** The first file or folder, and how many more there are. */
function dataName([first, ...others]: readonly string[]): string {
  if (first === undefined) return '–';
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}

function weightsOf(without: boolean, control: string): string {
  if (without) return '–';
  return control === 'none' ? 'as in the file' : control.replace('_', ' ');
}

function targetName({ config }: RunManifest): string {
  if ('experiment' in config && config.kind === 'metflow') return config.experiment;
  if (!('target' in config)) return '–';
  return 'module' in config.target ? baseName(config.target.module) : config.target.name;
}

function noticesOf({ runId, manifest }: ReportRun, pictures: string | null): readonly string[] {
  const { notices, skipped } = manifest;
  const left =
    skipped.length === 0 ? [] : [`${formatCount(skipped.length)} files were skipped; run.json names them`];
  return [...notices, ...left, ...(pictures === null ? [] : [pictures])].map((text) => `${runId}: ${text}`);
}

function noticeList(notices: readonly string[]): Markup | null {
  if (notices.length === 0) return null;
  return html`<ul class="notices">${notices.map((text) => html`<li>${text}</li>`)}</ul>`;
}

/** The whole config and the hashes, folded away. */
function details({ runId, manifest }: ReportRun): Markup {
  const { config, model, data, versions, configSha256, createdAt, finishedAt } = manifest;
  const facts = [
    ['created', createdAt],
    ['finished', finishedAt ?? '–'],
    ['config SHA-256', configSha256],
    ['model SHA-256', model?.sha256 ?? '–'],
    ['data SHA-256', data?.sha256 ?? '–'],
    ...(manifest.files ?? []).map(({ key, sha256 }) => [`${key} SHA-256`, sha256] as const),
    ['backend', model?.backend ?? '–'],
    ...Object.entries(versions),
  ];
  return html`<details><summary>Config, hashes and versions of ${runId}</summary><dl class="facts">${facts.map(
    ([name, value]) => html`<dt>${name!}</dt><dd>${value!}</dd>`,
  )}</dl><pre>${JSON.stringify(config, null, 2)}</pre></details>`;
}

function baseName(path: string): string {
  return path.split('/').at(-1) ?? path;
}
