// How a run came out, as JSON for scripts and as lines for people.

import { PipelineError, type PipelineFault } from '#schemas/errors.ts';
import type { RunManifest } from '#schemas/messages.ts';
import type { BareRunEvent } from '#schemas/run-events.ts';
import type { LoadedRun } from '../config/load-config.ts';
import { exitCodeOf } from './cli-fault.ts';
import { imageLines } from './image-lines.ts';
import { formatCount, formatSeconds, plural } from './format.ts';
import { chainLines } from './chain-lines.ts';
import { claimLines } from './claim-lines.ts';
import { readManifest } from '../run-manifest.ts';

/** The last line of stdout with `--json`. */
export interface RunReport {
  readonly run: string;
  readonly status: 'done' | 'running' | 'failed' | 'cancelled' | 'interrupted';
  /** Absolute folder of the run. */
  readonly output: string;
  /** Rows per table. */
  readonly rows: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly restarts: number;
  readonly exitCode: number;
  readonly fault?: PipelineFault;
}

/** A run that ended without its tables; carries the JSON that `--json` prints. */
export class RunFailed extends PipelineError {
  readonly report: RunReport;

  constructor(report: RunReport & { readonly fault: PipelineFault }, options: ErrorOptions) {
    super(report.fault, options);
    this.name = 'RunFailed';
    this.report = report;
  }
}

interface Outcome {
  readonly status: RunReport['status'];
  readonly fault?: PipelineFault;
  /** Wall-clock seconds of this command; a finished run tells its own instead. */
  readonly seconds: number;
}

/** The report of a run, with what its manifest knows. */
export async function reportRun<T extends Outcome>(
  { runId, runDir }: LoadedRun,
  outcome: T,
): Promise<RunReport & Pick<T, 'fault'>> {
  const { status, fault } = outcome;
  const manifest = await manifestOf(runDir);
  const seconds = status === 'done' ? (manifest?.seconds ?? outcome.seconds) : outcome.seconds;
  return {
    run: runId,
    status,
    output: runDir,
    rows: manifest?.rows ?? {},
    seconds: Math.round(seconds * 1000) / 1000,
    restarts: manifest?.restarts ?? 0,
    exitCode: fault === undefined ? 0 : exitCodeOf(fault),
    ...(fault === undefined ? {} : { fault }),
  } as RunReport & Pick<T, 'fault'>;
}

/** The last event of a run that did not fail. */
export function finishedEvent({ status, fault: _, ...rest }: RunReport): BareRunEvent {
  return { event: 'finished', ...rest, status: status === 'running' ? 'running' : 'done' };
}

/** What a fault makes of a run. */
export function statusOf(fault: PipelineFault): RunReport['status'] {
  return fault.kind === 'cancelled' || fault.kind === 'interrupted' ? fault.kind : 'failed';
}

/** A short account of a run for people. */
export async function resultLines(report: RunReport): Promise<readonly string[]> {
  const { run, output, rows, seconds, restarts, status } = report;
  if (status === 'running') {
    return [
      `run ${run} goes on in the background; tessera status ${run} shows it, tessera down stops everything`,
    ];
  }
  const tables = Object.entries(rows).map(([table, count]) => `${table} ${formatCount(count)}`);
  const manifest = await manifestOf(output);
  const skipped = manifest?.skipped.length ?? 0;
  return [
    `run ${run} is done in ${formatSeconds(seconds)}${restarts > 0 ? `, ${plural(restarts, 'restart')}` : ''}`,
    ...(tables.length > 0 ? [`  rows    ${tables.join(', ')}`] : []),
    ...(skipped > 0 ? [`  skipped ${plural(skipped, 'file')}; run.json names them`] : []),
    `  output  ${output}`,
    `  report  tessera report ${run} writes a page about it`,
    ...claimLines(manifest?.claims ?? []),
    ...(manifest?.chains === undefined ? [] : chainLines(run, manifest.chains)),
    ...imageLines(manifest?.summary ?? []),
    ...(manifest?.kind === 'lens' ? ['  next    tessera schema TABLE tells the columns of a table'] : []),
  ];
}

/** The manifest, or null where there is none or it cannot be read: a report never fails because of it. */
function manifestOf(runDir: string): Promise<RunManifest | null> {
  return readManifest(runDir).catch(() => null);
}
