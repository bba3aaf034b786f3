// `tessera logs RUN`: the workers' log lines that carry the run's id, oldest first.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { findRun } from './run-folder.ts';

const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
/** Fields that pino adds to every line, that the line shows elsewhere, or that only a machine reads; --json has them. */
const HIDDEN_FIELDS: ReadonlySet<string> = new Set([
  ...['level', 'time', 'pid', 'hostname', 'msg', 'runId', 'name'],
  ...['sdkComponent', 'taskQueue', 'isLocal', 'namespace', 'taskToken', 'workflowRunId'],
]);

export interface LogsOptions extends GlobalOptions {
  readonly out: string;
  readonly lines?: number;
}

/** One parsed line of a pino log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly time: number };

/** Prints the run's log lines. */
export async function logsCommand(
  name: string,
  options: LogsOptions,
  { terminal, env: readEnv }: CommandContext,
): Promise<ExitCode> {
  const env = readEnv();
  const { runId, runDir } = await findRun(name, { home: env.home, out: options.out });
  const texts = [...logTexts(join(env.home, 'logs')), ...logTexts(join(runDir, 'logs'))];
  const found = logLines(texts, runId);
  const shown =
    options.lines === undefined ? found : found.slice(found.length - Math.min(options.lines, found.length));
  for (const line of shown)
    terminal.answer(options.json === true ? JSON.stringify(line) : formatLogLine(line));
  if (found.length === 0)
    terminal.note(`no worker has written about run ${runId} in ${join(env.home, 'logs')}`);
  return 0;
}

/** The lines about one run of several logs, in order of time. */
export function logLines(texts: readonly string[], runId: string): readonly LogLine[] {
  return texts
    .flatMap((text) => text.split('\n').map(parseLogLine))
    .filter((line): line is LogLine => line !== null && line.runId === runId)
    .sort((a, b) => a.time - b.time);
}

/** `02:14:05.123 info  w1234 message key=value`. */
export function formatLogLine(line: LogLine): string {
  const time = new Date(line.time).toISOString().slice(11, 23);
  const level = (LEVELS[Number(line.level)] ?? String(line.level ?? '')).padEnd(5);
  const extra = Object.entries(line).filter(([key]) => !HIDDEN_FIELDS.has(key));
  const fields = extra.map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [time, level, String(line.pid ?? ''), String(line.msg ?? ''), ...fields]
    .filter((part) => part !== '')
    .join(' ');
}

function parseLogLine(text: string): LogLine | null {
  if (!text.startsWith('{')) return null;
  try {
    const line = JSON.parse(text) as Record<string, unknown>;
    const time = typeof line.time === 'string' ? Date.parse(line.time) : line.time;
    return typeof time === 'number' && Number.isFinite(time) ? { ...line, time } : null;
  } catch {
    return null;
  }
}

function logTexts(folder: string): readonly string[] {
  try {
    const names = readdirSync(folder).filter((name) => /^worker.*\.log$/.test(name));
    return names.sort().map((name) => readFileSync(join(folder, name), 'utf8'));
  } catch {
    return [];
  }
}
