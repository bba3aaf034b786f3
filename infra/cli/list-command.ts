// `tessera list`: every run that this machine knows of, from the manifests on disk.

import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { formatCount, formatSeconds, formatTable } from './format.ts';
import { type KnownRun, knownRuns, statusOfRun, tellDamaged } from './run-folder.ts';

/** Lists runs, newest last. */
export async function listCommand(
  options: GlobalOptions & { readonly out: string },
  { terminal, env }: CommandContext,
): Promise<ExitCode> {
  const known = await knownRuns(env().home, options.out);
  tellDamaged(known, terminal);
  const runs = known.filter(({ manifest, fault }) => manifest !== null || fault !== undefined);
  if (options.json === true) {
    terminal.answer(JSON.stringify({ runs: runs.map(summaryOf) }));
    return 0;
  }
  if (runs.length === 0) {
    terminal.note('no runs yet; tessera run FILE starts one');
    return 0;
  }
  const columns = [
    { title: 'run' },
    { title: 'status' },
    { title: 'points', align: 'right' },
    { title: 'seconds', align: 'right' },
    { title: 'started' },
    { title: 'output' },
  ] as const;
  for (const line of formatTable(columns, runs.map(cellsOf))) terminal.answer(line);
  return 0;
}

function summaryOf(run: KnownRun): object {
  const { runId, runDir, manifest } = run;
  return {
    run: runId,
    status: statusOfRun(run),
    output: runDir,
    rows: manifest?.rows ?? {},
    seconds: manifest?.seconds ?? null,
    createdAt: manifest?.createdAt ?? null,
  };
}

function cellsOf(run: KnownRun): readonly string[] {
  const { runId, runDir, manifest } = run;
  const status = statusOfRun(run);
  const points = manifest?.rows?.points;
  return [
    runId,
    status === 'running' ? 'unfinished' : status,
    points === undefined ? '' : formatCount(points),
    manifest?.seconds === undefined ? '' : formatSeconds(manifest.seconds),
    manifest?.createdAt.slice(0, 19).replace('T', ' ') ?? '',
    runDir,
  ];
}
