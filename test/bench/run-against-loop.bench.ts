// A whole run (Temporal, Kafka, aggregation, commit) against the bare loop over the same data: the demo's digits ten
// times. node --import tsx test/bench/run-against-loop.bench.ts

import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { parse } from 'yaml';
import type { SweepPlan } from '#schemas/sweep.ts';
import { V8_FLAGS } from '../../infra/cli/worker-process.ts';
import { type LiveHome, REPOSITORY, startHome } from '../live/live-home.ts';
import { type LoopSeconds, startBareLoop } from './bare-loop.ts';
import { compared, median } from './comparison.ts';
import { type RunPhases, runPhases, type Server, serverCpuSeconds } from './run-phases.ts';

const TIMES = 10;
const WARM_UPS = 2;
const ROUNDS = 10;
const EXAMPLE = join(REPOSITORY, 'examples/mnist-mlp');

interface Timed {
  readonly seconds: number;
  /** Processor seconds of everything but the command itself; null where they cannot be read. */
  readonly cpu: number | null;
}

interface RunTimed extends Timed {
  readonly phases: RunPhases;
  /** Processor seconds of each kind of server. */
  readonly byServer: Record<Server, number> | null;
}

/** The demo's config with its files listed ten times. */
function writeConfig(folder: string): string {
  const config = parse(readFileSync(join(EXAMPLE, 'sweep.yaml'), 'utf8')) as {
    model: { file: string };
    dataset: { data: string[]; labels: string[] };
  };
  const here = (file: string) => join(EXAMPLE, file);
  const repeated = (files: readonly string[]) => Array.from({ length: TIMES }, () => files.map(here)).flat();
  config.model.file = here(config.model.file);
  config.dataset.data = repeated(config.dataset.data);
  config.dataset.labels = repeated(config.dataset.labels);
  const file = join(folder, 'sweep.json');
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** One `tessera run` with services and worker up already; seconds as the command itself counts them. */
async function wholeRun(home: LiveHome, runId: string): Promise<RunTimed> {
  const before = serverCpuSeconds(home.folder);
  const file = join(home.folder, 'sweep.json');
  const { json, stderr } = await home.tessera([
    'run',
    file,
    '--out',
    home.runs,
    '--set',
    `run=${runId}`,
    '--json',
  ]);
  if (json?.status !== 'done') throw new Error(`the run failed: ${stderr}`);
  const after = serverCpuSeconds(home.folder);
  const byServer =
    before === null || after === null
      ? null
      : {
          worker: after.worker - before.worker,
          temporal: after.temporal - before.temporal,
          kafka: after.kafka - before.kafka,
        };
  const status = (await home.tessera(['status', '--json'])).json as unknown as {
    services: { name: string; address: string }[];
  };
  const address = status.services.find(({ name }) => name === 'temporal')!.address;
  return {
    seconds: json.seconds!,
    cpu: byServer === null ? null : byServer.worker + byServer.temporal + byServer.kafka,
    byServer,
    phases: await runPhases(address, { runId, slots: availableParallelism() }),
  };
}

async function timedLoop(work: () => Promise<LoopSeconds>): Promise<Timed & { readonly loop: LoopSeconds }> {
  const before = process.cpuUsage();
  const loop = await work();
  const { user, system } = process.cpuUsage(before);
  return { loop, seconds: loop.total, cpu: (user + system) / 1e6 };
}

interface Found {
  readonly encode: Timed[];
  readonly inProcess: (Timed & { readonly loop: LoopSeconds })[];
  readonly run: RunTimed[];
}

/**
 * Both sides in turn, because the machine is faster now than then, and warm: a new thread compiles its code first. A worker's
 * threads outlast one run of the loop, but not much more.
 */
async function rounds(home: LiveHome) {
  writeConfig(home.folder);
  // It leaves the plan.
  await wholeRun(home, 'planned');
  const planned = join(home.runs, 'planned');
  const plan = JSON.parse(readFileSync(join(planned, 'plan.json'), 'utf8')) as SweepPlan;
  const { runId, config, configSha256 } = plan;
  const input = { runId, runDir: join(home.folder, 'in-process'), config, configSha256 };
  const found: Found = { encode: [], inProcess: [], run: [] };
  await using loop = await startBareLoop(input, { threads: availableParallelism() });
  const inProcess = () => timedLoop(() => loop.wholeRun());
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    const times = {
      inProcess: await inProcess(),
      run: await wholeRun(home, round < 0 ? `warm-up${round}` : `run-${round}`),
    };
    if (round < 0) continue;
    found.inProcess.push(times.inProcess);
    found.run.push(times.run);
    printRound(round, times);
  }
  for (let round = 0; round < ROUNDS; round++) found.encode.push(await timedLoop(() => loop.encodeOnly()));
  return { found, rows: plan.samples };
}

function printRound(
  round: number,
  { inProcess, run }: { inProcess: Timed & { loop: LoopSeconds }; run: RunTimed },
): void {
  const s = (seconds: number | null) => seconds?.toFixed(2) ?? '?';
  const { planning, encoding, aggregating, committing } = inProcess.loop;
  const { phases, byServer } = run;
  const spent = `planning ${s(planning)}, encoding ${s(encoding)}, aggregating ${s(aggregating)}, committing ${s(committing)}`;
  console.log(`round ${round + 1}, seconds (processor seconds):`);
  console.log(`  bare loop               ${s(inProcess.seconds)} (${s(inProcess.cpu)}): ${spent}`);
  console.log(
    `  whole run               ${s(run.seconds)} (${s(run.cpu)}): planning ${s(phases.planning)}, ` +
      `encoding ${s(phases.encoding)} (slots idle ${(phases.idleSlots * 100).toFixed(1)} %), ` +
      `aggregating ${s(phases.aggregating)}, committing ${s(phases.committing)}, ` +
      `around the workflow ${s(run.seconds - phases.workflow)}`,
  );
  const server = (name: Server) => `${name} ${s(byServer?.[name] ?? null)}`;
  console.log(`  its processor seconds   ${server('worker')}, ${server('temporal')}, ${server('kafka')}`);
}

// The loop's threads collect garbage as a worker's do.
for (const flag of V8_FLAGS) setFlagsFromString(flag);
const home = await startHome('bench', { workers: 1 });
const { found, rows } = await rounds(home).finally(() => home.close());
const what = `${rows.toLocaleString('en')} rows, ${availableParallelism()} threads`;
const seconds = (all: readonly Timed[]) => median(all.map((one) => one.seconds));
const cpu = (all: readonly Timed[]) => median(all.map((one) => one.cpu ?? Number.NaN));
const run = { name: 'whole run', value: seconds(found.run) };
const say = (title: string, ours: { name: string; value: number }, baseline: typeof ours) =>
  compared('run-against-loop', { what: `${what}, ${title}`, unit: 's', ours, baseline });
say('wall', run, { name: 'loop that only encodes', value: seconds(found.encode) });
say('wall', run, { name: 'bare loop with the same work', value: seconds(found.inProcess) });
say(
  'wall',
  { name: 'encoding phase', value: median(found.run.map(({ phases }) => phases.encoding)) },
  { name: 'loop that only encodes', value: seconds(found.encode) },
);
say(
  'processor time',
  { name: 'worker and services', value: cpu(found.run) },
  { name: 'bare loop with the same work', value: cpu(found.inProcess) },
);
// The machine is slower in one minute than in the next: neighbours in time say more than medians of each side.
const ratios = (of: (timed: Timed) => number | null) =>
  found.run.map((one, i) => (of(one) ?? Number.NaN) / (of(found.inProcess[i]!) ?? Number.NaN));
const spread = (all: readonly number[]) =>
  `median ${median(all).toFixed(3)}, ${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`;
console.log(`ratios by round: wall ${spread(ratios((timed) => timed.seconds))}`);
console.log(`                 processor time ${spread(ratios((timed) => timed.cpu))}`);
console.log(`whole run: ${Math.round(rows / run.value).toLocaleString('en')} rows/s`);
