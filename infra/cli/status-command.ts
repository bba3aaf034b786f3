// `tessera status [RUN]`: services and unfinished runs, or everything about one run. Starts nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';

import { describeFault, PipelineError, type PipelineFault } from '#schemas/errors.ts';
import { type ServiceStatus, servicesStatus } from '../services.ts';
import { backgroundWorkers } from './background-workers.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { formatCount, formatSeconds, formatTable } from './format.ts';
import { attach, temporalAddress } from './local-services.ts';
import { EMPTY_METER, observe, type ProgressMeter, rowsPerSecond, secondsLeft } from './progress.ts';
import { plainLine } from './progress-view.ts';
import { findRun, type KnownRun, knownRuns, statusOfRun, tellDamaged } from './run-folder.ts';
import type { Terminal } from './terminal.ts';
import { unservedText } from './unserved-queues.ts';
import { isOpen, lookAt, snapshotFrom } from './watch-run.ts';

/** Time between the two looks from which the rate is taken. */
const BETWEEN_LOOKS_MS = 1000;

/** A run as `status` tells it. */
export interface RunState {
  readonly run: string;
  readonly status: 'running' | 'paused' | 'interrupted' | 'done' | 'failed' | 'cancelled';
  readonly output: string;
  readonly rows: number | null;
  readonly doneRows: number | null;
  readonly percent: number | null;
  readonly rowsPerSecond: number | null;
  readonly secondsLeft: number | null;
  readonly restarts: number;
  /** Messages on the log that are not aggregated yet; null where nobody reads. */
  readonly lagMessages: number | null;
  /** Tasks that wait until aggregation has caught up. */
  readonly waitingTasks: number;
  /** Task queues for which it waits while no worker asks them for work. */
  readonly unservedQueues: readonly string[];
  readonly fault?: PipelineFault;
}

/** Shows services and runs; exits 0 whatever their state. */
export async function statusCommand(
  name: string | null,
  options: GlobalOptions & { readonly out: string },
  { terminal, env: readEnv }: CommandContext,
): Promise<ExitCode> {
  const env = readEnv();
  const runs = await runsAskedFor(name, { home: env.home, out: options.out, terminal });
  const address = await temporalAddress(env);
  const attached = address === null ? null : await attach(env).catch(() => null);
  const states = (await runStates(runs, attached)).filter(
    ({ run, state }) => name !== null || run.manifest !== null || state.status !== 'interrupted',
  );
  if (options.json === true) {
    const services = await servicesStatus(env.home);
    const report = { services, workers: backgroundWorkers(env.home), runs: states.map(({ state }) => state) };
    terminal.answer(JSON.stringify(name === null ? report : { ...report, ...states[0]?.state }));
    return 0;
  }
  if (name === null) {
    const external = env.temporal.address !== null;
    for (const line of serviceLines(await servicesStatus(env.home), { external, address }))
      terminal.answer(line);
    for (const { pid, processes } of backgroundWorkers(env.home))
      terminal.answer(`workers   running  ${processes} (process ${pid})`);
    terminal.answer(states.length === 0 ? 'no unfinished runs; tessera list shows finished ones' : '');
  }
  for (const state of states) for (const line of stateLines(state)) terminal.answer(line);
  return 0;
}

/** The run of this name, or every unfinished one. @throws PipelineError `data-invalid` where its run.json cannot be read. */
async function runsAskedFor(
  name: string | null,
  { home, out, terminal }: { readonly home: string; readonly out: string; readonly terminal: Terminal },
): Promise<readonly KnownRun[]> {
  if (name === null) {
    const known = await knownRuns(home, out);
    tellDamaged(known, terminal);
    return known.filter(isUnfinished);
  }
  const run = await findRun(name, { home, out });
  if (run.damaged !== null) throw new PipelineError(run.damaged);
  return [run];
}

interface Observed {
  readonly run: KnownRun;
  readonly state: RunState;
  readonly meter: ProgressMeter;
}

async function runStates(
  runs: readonly KnownRun[],
  attached: (AsyncDisposable & { readonly client: Client }) | null,
): Promise<readonly Observed[]> {
  try {
    return await Promise.all(runs.map((run) => observeRun(run, attached?.client ?? null)));
  } finally {
    await attached?.[Symbol.asyncDispose]();
  }
}

async function observeRun(run: KnownRun, client: Client | null): Promise<Observed> {
  let meter = EMPTY_METER;
  const status = run.manifest?.status ?? 'running';
  if (client === null || status === 'done')
    return { run, state: stateOf(run, { meter, open: false }), meter };
  const first = await lookAt(client, run.runId, null).catch(() => null);
  const open = first?.state != null && isOpen(first.state.status);
  if (!open || first?.state == null || first.progress === null)
    return { run, state: stateOf(run, { meter, open, unserved: first?.unserved ?? [] }), meter };
  meter = observe(meter, snapshotFrom(first.state, first.progress));
  await sleep(BETWEEN_LOOKS_MS);
  const second = await lookAt(client, run.runId, first.progress).catch(() => first);
  if (second.state !== null && second.progress !== null)
    meter = observe(meter, snapshotFrom(second.state, second.progress));
  return { run, state: stateOf(run, { meter, open, unserved: second.unserved }), meter };
}

/** What a run's manifest and a look at its workflow say together. */
export function stateOf(
  run: KnownRun,
  {
    meter,
    open,
    unserved = [],
  }: { readonly meter: ProgressMeter; readonly open: boolean; readonly unserved?: readonly string[] },
): RunState {
  const { runId, runDir, manifest, fault = manifest?.fault } = run;
  const { latest } = meter;
  const written = statusOfRun(run);
  const going = latest?.paused === true ? 'paused' : 'running';
  const closed = written === 'running' ? 'interrupted' : written;
  return {
    run: runId,
    status: open ? going : closed,
    output: runDir,
    rows: latest?.rows ?? null,
    doneRows: latest?.doneRows ?? null,
    percent: latest !== null && latest.rows > 0 ? (100 * latest.doneRows) / latest.rows : null,
    rowsPerSecond: rowsPerSecond(meter),
    secondsLeft: secondsLeft(meter),
    restarts: latest?.restarts ?? manifest?.restarts ?? 0,
    lagMessages: latest === null || latest.aggregating.partitions === 0 ? null : latest.aggregating.lag,
    waitingTasks: latest?.waiting ?? 0,
    unservedQueues: unserved,
    ...(fault === undefined || open ? {} : { fault }),
  };
}

function stateLines({ run, state, meter }: Observed): readonly string[] {
  const { manifest, runDir, configFile } = run;
  const waits = state.unservedQueues.map((queue) => `  waits   ${unservedText(queue)}`);
  if (meter.latest !== null) return [plainLine(meter), ...waits, `  output  ${runDir}`];
  const took = manifest?.seconds === undefined ? '' : ` in ${formatSeconds(manifest.seconds)}`;
  const tables = Object.entries(manifest?.rows ?? {}).map(
    ([table, count]) => `${table} ${formatCount(count)}`,
  );
  const again = state.status === 'done' ? [] : [`  resume  tessera run ${configFile ?? 'FILE'}`];
  return [
    `${run.runId}: ${state.status}${took}`,
    ...(state.fault === undefined ? [] : [`  error   ${describeFault(state.fault)}`]),
    ...waits,
    ...(tables.length === 0 ? [] : [`  rows    ${tables.join(', ')}`]),
    `  output  ${runDir}`,
    ...again,
  ];
}

function serviceLines(
  services: readonly ServiceStatus[],
  { external, address }: { readonly external: boolean; readonly address: string | null },
): readonly string[] {
  const rows = services.map(({ name, state, address: at, pid, how }) => {
    const process = pid === null ? '' : `process ${pid}, ${how}`;
    return [name, state, state === 'running' ? at : '', process];
  });
  if (external) rows.push(['temporal', 'external', address ?? '', 'from the environment']);
  if (rows.length === 0) return ['services  down; tessera run and tessera up start them'];
  return formatTable([{ title: 'service' }, { title: 'state' }, { title: 'address' }, { title: '' }], rows);
}

function isUnfinished(run: KnownRun): boolean {
  return run.damaged === null && statusOfRun(run) === 'running';
}
