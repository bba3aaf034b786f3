// npm run chaos -- --kills N --seed S [--kinds KIND ...] [--conditions ...] [--workloads ...] [--worlds ...] [--report FILE] [--minutes M]
//
// With --report, rounds are kept in FILE and the same command goes on behind the last of them: --minutes cuts a long campaign
// into pieces.

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type CampaignState, hitsOf, runCampaign } from './campaign.ts';
import { CONDITIONS } from './conditions.ts';
import { FAULTS_BY_KIND } from './faults.ts';
import { reportLines, reportOf } from './report.ts';
import { WORKLOADS } from './workloads.ts';

const WORLDS = ['local', 'cluster'] as const;
const NAMES = WORKLOADS.map(({ name }) => name);

const list = { type: 'string', multiple: true } as const;
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '600' },
    report: { type: 'string' },
    kinds: { ...list, default: Object.keys(FAULTS_BY_KIND) },
    conditions: { ...list, default: [...CONDITIONS] },
    workloads: { ...list, default: NAMES },
    worlds: { ...list, default: [...WORLDS] },
  },
});

// An interrupted campaign must not leave brokers behind: rounds end, and the world with them.
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());

const say = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
const kills = Number(values.kills);
const workloads = WORKLOADS.filter(({ name }) => chosen('workloads', NAMES).includes(name));
const state = await runCampaign(readState(), {
  kills,
  seed: Number(values.seed),
  kinds: chosen('kinds', Object.keys(FAULTS_BY_KIND)),
  conditions: chosen('conditions', CONDITIONS),
  worlds: chosen('worlds', WORLDS),
  workloads,
  untilMs: Date.now() + Number(values.minutes) * 60_000,
  signal: stopping.signal,
  say,
  onRound: save,
});
const report = reportOf(state, workloads);
for (const line of reportLines(report)) console.log(line);
if (hitsOf(state) < kills) say(`${hitsOf(state)} of ${kills} so far; the same command goes on`);
process.exit(report.equal === report.runs ? 0 : 1);

function chosen<T extends string>(
  option: 'kinds' | 'conditions' | 'workloads' | 'worlds',
  known: readonly T[],
): T[] {
  const wrong = values[option].find((name) => !(known as readonly string[]).includes(name));
  if (wrong === undefined) return known.filter((name) => values[option].includes(name));
  console.error(`--${option} ${wrong}: choose from ${known.join(', ')}`);
  process.exit(2);
}

function readState(): CampaignState {
  if (values.report === undefined) return { calm: [], rounds: [] };
  try {
    return JSON.parse(readFileSync(values.report, 'utf8')) as CampaignState;
  } catch {
    return { calm: [], rounds: [] };
  }
}

function save(state: CampaignState): void {
  if (values.report === undefined) return;
  const figures = reportOf(state, workloads);
  writeFileSync(values.report, `${JSON.stringify({ ...figures, ...state }, null, 1)}\n`);
}
