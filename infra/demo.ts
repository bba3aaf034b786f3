// `npm run demo`: 70,000 digits through a trained net and its random control, at once, and what the two have
// to say.

import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describeFault } from '#schemas/errors.ts';
import { type RunSummary, type SpanSummary, summariseRun } from './aggregate/summarise-run.ts';
import { exitCodeOf, faultOfFailure } from './cli/cli-fault.ts';
import { formatCount, formatSeconds, formatTable } from './cli/format.ts';
import { type Interrupts, listenForInterrupts } from './cli/interrupts.ts';
import { progressView } from './cli/progress-view.ts';
import { writeReport } from './cli/report-command.ts';
import { rememberRun } from './cli/run-folder.ts';
import { checkRunFolder } from './cli/run-identity.ts';
import { openSession, type Session } from './cli/session.ts';
import { startRun, watchWithSession } from './cli/follow-run.ts';
import { processTerminal, type Terminal } from './cli/terminal.ts';
import { checkFilesExist, type LoadedRun, loadConfig } from './config/load-config.ts';
import { readEnv } from './env.ts';

const EXAMPLES = fileURLToPath(new URL('../examples/mnist-mlp/', import.meta.url));

interface DemoContext {
  readonly terminal: Terminal;
  readonly interrupts: Interrupts;
}

async function demo({ terminal, interrupts }: DemoContext): Promise<void> {
  const startedMs = Date.now();
  const sweeps = ['sweep.yaml', 'sweep-random.yaml'].map((name) => loadConfig(`${EXAMPLES}${name}`));
  sweeps.forEach(checkFilesExist);
  const open: LoadedRun[] = [];
  for (const sweep of sweeps) {
    if ((await checkRunFolder(sweep)) === 'open') open.push(sweep);
    else
      terminal.note(
        `run ${sweep.runId} is finished already; delete ${here(sweep.runDir)} to see it run again`,
      );
  }
  if (open.length > 0) await runAll(open, { terminal, interrupts });
  const summaries = await Promise.all(sweeps.map(({ runDir }) => summariseRun(runDir)));
  terminal.note('');
  for (const line of resultTable(summaries)) terminal.answer(line);
  terminal.note('');
  const report = join(dirname(sweeps[0]!.runDir), 'report.html');
  await writeReport(
    sweeps.map(({ runDir }) => runDir),
    { file: report },
  );
  for (const line of nextSteps(sweeps)) terminal.note(line);
  terminal.note(`report of both runs, to open in a browser: ${here(report)}`);
  terminal.note(`demo finished in ${formatSeconds((Date.now() - startedMs) / 1000)}`);
}

/** Runs sweeps side by side with one set of services and workers. */
async function runAll(sweeps: readonly LoadedRun[], { terminal, interrupts }: DemoContext): Promise<void> {
  const env = readEnv();
  const view = progressView({ terminal, kind: 'sweep' });
  const { signal, onForce } = interrupts;
  const session = await openSession({
    env,
    processes: null,
    lifetime: 'command',
    onNote: view.note,
    signal,
    onForce,
  });
  try {
    for (const sweep of sweeps)
      rememberRun(env.home, { runId: sweep.runId, runDir: sweep.runDir, configFile: sweep.file });
    await Promise.all(sweeps.map((sweep) => runOne(session, sweep, { view, signal })));
  } finally {
    view.close();
    await session.stop();
  }
}

async function runOne(
  session: Session,
  sweep: LoadedRun,
  { view, signal }: { readonly view: ReturnType<typeof progressView>; readonly signal: AbortSignal },
): Promise<void> {
  const how = await startRun(session.client, sweep);
  view.note(`${how === 'started' ? 'run' : 'going on with run'} ${sweep.runId} → ${here(sweep.runDir)}`);
  await watchWithSession(session, sweep.runId, {
    onSnapshot: view.show,
    onNote: view.note,
    onNotice: view.note,
    signal,
  });
}

/** One line per run and span. */
export function resultTable(summaries: readonly RunSummary[]): readonly string[] {
  const columns = [
    { title: 'run' },
    { title: 'span' },
    { title: 'points', align: 'right' },
    { title: 'regions', align: 'right' },
    { title: 'singletons', align: 'right' },
    { title: 'in shared', align: 'right' },
    { title: 'entropy (bits)', align: 'right' },
    { title: 'occupancy', align: 'right' },
    { title: 'purity', align: 'right' },
    { title: 'by chance', align: 'right' },
  ] as const;
  const rows = summaries.flatMap(({ runId, spans }) => spans.map((span) => [runId, ...spanCells(span)]));
  return formatTable(columns, rows);
}

function spanCells(span: SpanSummary): readonly string[] {
  return [
    span.span,
    formatCount(span.points),
    formatCount(span.regions),
    formatCount(span.singletons),
    formatCount(span.points - span.singletons),
    fixed(span.entropyBits, 2),
    fixed(span.occupancy, 3),
    fixed(span.purity, 3),
    fixed(span.chancePurity, 3),
  ];
}

function fixed(value: number | null, digits: number): string {
  return value === null ? '' : value.toFixed(digits);
}

function nextSteps(sweeps: readonly LoadedRun[]): readonly string[] {
  const folder = here(sweeps[0]?.runDir ?? 'runs');
  return [
    'In shared: points whose region holds another point too. Purity: the share of the commonest digit there,',
    'against what shuffled labels give. The random net is the control: what it shows too is not learned.',
    'What to type next:',
    `  npx tessera list                              every run; these lie in ${here(`${folder}/..`)}`,
    '  npx tessera report mnist-mlp                  one page about a run; --figures DIR for SVG and PNG',
    '  npx tessera inspect examples/mnist-cnn/model.onnx',
    '  npx tessera run examples/mnist-cnn/sweep.yaml',
    `  python -c "import duckdb; print(duckdb.sql(\\"select * from '${folder}/layers.parquet'\\"))"`,
  ];
}

function here(path: string): string {
  return relative(process.cwd(), path) || '.';
}

async function main(): Promise<number> {
  const terminal = processTerminal();
  using interrupts = listenForInterrupts();
  try {
    await demo({ terminal, interrupts });
    return 0;
  } catch (error) {
    const fault = faultOfFailure(error);
    terminal.note(`error: ${describeFault(fault)}`);
    if (process.argv.includes('--debug')) terminal.note(String((error as Error).stack));
    return exitCodeOf(fault);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await main());
