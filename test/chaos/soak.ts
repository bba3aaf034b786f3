// npm run soak -- --minutes N [--seed S] [--report FILE]: sweeps, experiments and chains in a loop while another worker, the broker
// and the server are killed. One worker is never touched: between runs what it holds (after a collection), its open handles and its
// threads must be flat, and its resident memory once the allocator has what it needs: in the second half.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { randomStream } from '../../activities/numeric/rng.ts';
import { makeHome } from '../live/live-home.ts';
import { lives, processesOf } from '../live/process-table.ts';
import { servicesOf } from '../live/progress-query.ts';
import { tableHashes } from '../live/run-files.ts';
import { startTessera } from '../live/tessera-command.ts';
import { collectGarbage, type MemoryParts } from './collect-garbage.ts';
import { isFlat, type Trend, trendOf } from './flatness.ts';
import { type Workload, WORKLOADS } from './workloads.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '120' },
    seed: { type: 'string', default: '0' },
    report: { type: 'string' },
  },
});

/** Longer than idle threads are kept. */
const REST_MS = 6_000;
/** Runs of every kind before the first sample: code is compiled, caches are filled. */
const WARM_ROUNDS = 1;
/** The first kill of a run comes early, for runs are short on fast machines; later ones leave time to recover. */
const FIRST_KILL_MS = { least: 1_000, most: 5_000 } as const;
const LATER_KILL_MS = { least: 8_000, most: 25_000 } as const;
/** A service that is killed while it starts may end a command with exit 4; the same command then goes on. */
const SERVICE_UNAVAILABLE = 4;
const MOST_ATTEMPTS = 5;
/** Of one command on a crowded machine, with all that is killed under it. */
const LONGEST_MS = 30 * 60_000;
/** Fewer have no trend, however slow the machine. */
const LEAST_SAMPLES = 6;
/** Growth that the whole soak may bring, as a share of the mean. */
const MOST_GROWTH = 0.1;

interface Sample {
  readonly minutes: number;
  /** JavaScript heap and what it holds outside, after a collection. */
  readonly liveMb: number;
  readonly parts: MemoryParts;
  readonly residentMb: number;
  readonly handles: number;
  readonly threads: number;
}

const random = randomStream(Number(values.seed), 99);
const startedMs = performance.now();
const untilMs = startedMs + Number(values.minutes) * 60_000;
const home = makeHome('soak');
const samples: Sample[] = [];
const kills: Record<string, number> = { worker: 0, broker: 0, server: 0 };
let runs = 0;
let repeated = 0;
try {
  const up = await home.tessera(['up', '--processes', '2']);
  if (up.code !== 0) throw new Error(up.stderr);
  const [steady] = workers();
  const hashes = new Map<string, Record<string, string>>();
  for (let round = 0; performance.now() < untilMs || samples.length < LEAST_SAMPLES; round++) {
    for (const workload of WORKLOADS) {
      const stop = new AbortController();
      const killing = round < WARM_ROUNDS ? null : killNowAndThen(steady!, stop.signal);
      await runOnce(workload, hashes);
      stop.abort();
      await killing;
      runs++;
      if (round < WARM_ROUNDS) continue;
      await sleep(REST_MS);
      const sample = sampleOf(steady!, await collectGarbage(steady!));
      samples.push(sample);
      say(`${workload.name}: ${sampleLine(sample)}`);
    }
  }
} finally {
  await home.close();
}
const minutes = (performance.now() - startedMs) / 60_000;
const settled = samples.slice(Math.floor(samples.length / 2));
const trends = {
  liveMb: trendOf(samples.map((sample) => [sample.minutes / 60, sample.liveMb])),
  residentMb: trendOf(settled.map((sample) => [sample.minutes / 60, sample.residentMb])),
  handles: trendOf(samples.map((sample) => [sample.minutes / 60, sample.handles])),
  threads: trendOf(samples.map((sample) => [sample.minutes / 60, sample.threads])),
};
const growth = { hours: minutes / 60, share: MOST_GROWTH };
const flat = Object.values(trends).every((trend) => isFlat(trend, growth));
if (values.report !== undefined)
  writeFileSync(
    values.report,
    `${JSON.stringify({ minutes, runs, repeated, kills, trends, flat, samples }, null, 1)}\n`,
  );
const killed = Object.entries(kills).map(([kind, count]) => `${kind} ${count}`);
console.log(
  `${minutes.toFixed(0)} minutes, ${runs} runs with equal bytes, kills: ${killed.join(', ')}; ` +
    `commands given again after exit 4: ${repeated}`,
);
for (const [name, trend] of Object.entries(trends)) console.log(trendLine(name, trend));
console.log(flat ? 'flat' : 'NOT FLAT');
const disturbed = Object.values(kills).some((count) => count > 0);
if (!disturbed) console.log('NOTHING WAS KILLED');
process.exit(flat && disturbed ? 0 : 1);

async function runOnce(workload: Workload, hashes: Map<string, Record<string, string>>): Promise<void> {
  const out = join(home.runs, `${runs}`);
  const args = ['run', ...workload.args(home.folder), '--out', out, '--json', '--processes', '0'];
  const command = () => startTessera(args, { env: home.env, cwd: home.folder, longestMs: LONGEST_MS }).end;
  let end = await command();
  for (let attempt = 1; end.code === SERVICE_UNAVAILABLE && attempt < MOST_ATTEMPTS; attempt++) {
    repeated++;
    end = await command();
  }
  if (end.code !== 0) throw new Error(`${workload.name}: exit code ${end.code}: ${end.stderr}`);
  const found = tableHashes(join(out, workload.run));
  const first = hashes.get(workload.name) ?? found;
  hashes.set(workload.name, first);
  if (JSON.stringify(found) !== JSON.stringify(first))
    throw new Error(`${workload.name}: bytes differ (${out})`);
  rmSync(out, { recursive: true });
}

async function killNowAndThen(steady: number, signal: AbortSignal): Promise<void> {
  const victims: Record<string, () => number | undefined> = {
    worker: () => workers().find((pid) => pid !== steady),
    broker: () => servicesOf(home).kafka?.process?.pid,
    server: () => servicesOf(home).temporal?.process?.pid,
  };
  let pause: { readonly least: number; readonly most: number } = FIRST_KILL_MS;
  while (!signal.aborted) {
    const waitMs = pause.least + (pause.most - pause.least) * random.uniform();
    pause = LATER_KILL_MS;
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const kind = Object.keys(victims)[random.below(3)]!;
    const pid = victims[kind]!();
    if (pid === undefined || !lives(pid)) continue;
    process.kill(pid, 'SIGKILL');
    kills[kind]!++;
  }
}

/** Worker processes of this home, the oldest first. */
function workers(): number[] {
  return processesOf(home.folder)
    .filter(({ command }) => command.includes('worker.mjs'))
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);
}

function sampleOf(pid: number, parts: MemoryParts): Sample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    minutes: (performance.now() - startedMs) / 60_000,
    liveMb: (parts.heapUsed + parts.external) / 1e6,
    parts,
    residentMb: field('VmRSS') / 1000,
    handles: readdirSync(`/proc/${pid}/fd`).length,
    threads: field('Threads'),
  };
}

function sampleLine({ minutes, liveMb, parts, residentMb, handles, threads }: Sample): string {
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  const held = `${liveMb.toFixed(1)} MB held (heap ${mb(parts.heapUsed)} of ${mb(parts.heapTotal)}, buffers ${mb(parts.arrayBuffers)})`;
  return `minute ${minutes.toFixed(1)}: ${held}, ${residentMb.toFixed(0)} MB resident, ${handles} handles, ${threads} threads`;
}

function trendLine(name: string, { mean, slope, low, high }: Trend): string {
  const figure = (value: number) => value.toFixed(1);
  return `${name}: mean ${figure(mean)}, slope ${figure(slope)} an hour (95 %: ${figure(low)} to ${figure(high)})`;
}

function say(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
}
