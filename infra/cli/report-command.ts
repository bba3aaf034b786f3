// `tessera report RUN...`: one page about finished runs.

import { dirname, resolve } from 'node:path';

import { describeFault, PipelineError } from '#schemas/errors.ts';
import { joinPath, resolvePath } from '../blobs/object-path.ts';
import { type LocalCopy, localCopy, writeWhole } from '../blobs/storage.ts';
import { type ReportRun, openReportRun } from '../report/report-run.ts';
import { renderReport, writeFigures } from '../report/write-report.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { formatBytes, plural } from './format.ts';
import { readManifest } from '../run-manifest.ts';
import { findRun, type KnownRun } from './run-folder.ts';

export interface ReportOptions extends GlobalOptions {
  readonly out: string;
  readonly output?: string;
  readonly figures?: string;
}

/** Writes the page. */
export async function reportCommand(
  names: readonly string[],
  options: ReportOptions,
  { terminal, env: readEnv }: CommandContext,
): Promise<ExitCode> {
  const { home } = readEnv();
  const found: KnownRun[] = [];
  for (const name of names) found.push(await findRun(name, { home, out: options.out }));
  for (const run of found) refuseFailedPlan(run);
  const runDirs = [...new Set(found.map(({ runDir }) => runDir))];
  const file = resolvePath(options.output ?? defaultFile(found));
  const { bytes, figures } = await writeReport(runDirs, { file, figures: options.figures });
  terminal.note(`${file} (${formatBytes(bytes)}): open it in a browser`);
  if (options.figures !== undefined)
    terminal.note(`${plural(figures, 'figure')} as SVG and PNG in ${resolve(options.figures)}`);
  if (options.json === true) {
    const runs = found.map(({ runId }) => runId);
    terminal.answer(JSON.stringify({ runs, status: 'done', output: file, bytes, figures, exitCode: 0 }));
  }
  return 0;
}

/**
 * Writes one page about the runs in these folders.
 * @throws PipelineError `data-missing` for a run that has not finished, `data-invalid` for a damaged one.
 */
export async function writeReport(
  runDirs: readonly string[],
  { file, figures }: { readonly file: string; readonly figures?: string | undefined },
): Promise<{ readonly bytes: number; readonly figures: number }> {
  const runs: ReportRun[] = [];
  const copies: LocalCopy[] = [];
  try {
    for (const runDir of runDirs) {
      const manifest = await readManifest(runDir);
      const copy = await localCopy(runDir);
      copies.push(copy);
      runs.push(await openReportRun(copy.folder, manifest));
    }
    const report = await renderReport(runs);
    const bytes = Buffer.from(report.html);
    await writeWhole(file, bytes);
    if (figures !== undefined) await writeFigures(resolve(figures), report.figures);
    return { bytes: bytes.length, figures: report.figures.length };
  } finally {
    for (const run of runs) run.close();
    for (const copy of copies) await copy.remove();
  }
}

function refuseFailedPlan({ runId, manifest, fault }: KnownRun): void {
  if (manifest !== null || fault === undefined) return;
  throw new PipelineError({
    kind: 'data-missing',
    where: `run ${runId}`,
    what: 'this run ended before it was planned, so there is nothing to report on',
    value: describeFault(fault),
    remedy: 'Mend that; the same tessera run command starts it again.',
  });
}

/** In the folder of a run; beside the first one where there are several. */
function defaultFile(runs: readonly KnownRun[]): string {
  const [first] = runs;
  if (runs.length === 1) return joinPath(first!.runDir, 'report.html');
  const name = runs
    .map(({ runId }) => runId)
    .join('+')
    .slice(0, 100);
  return joinPath(dirname(first!.runDir), `report-${name}.html`);
}
