// What provisioning asks of the machine, as a port: tests answer with a fake.

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Variables } from './temporal-profile.ts';

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

export interface CommandOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  /** Added to the environment. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Probe {
  /** Full path of a command on PATH, or null. */
  which(command: string): Promise<string | null>;
  /** Runs a command to its end; a missing command gives exit code null and a reason in stderr. */
  run(command: string, args: readonly string[], options: CommandOptions): Promise<CommandResult>;
  isFile(path: string): Promise<boolean>;
}

/** The real machine. */
export function machineProbe(variables: Variables): Probe {
  return {
    which: (command) => which(command, variables.PATH ?? ''),
    run: (command, args, options) => run(command, args, { variables, options }),
    isFile: async (path) => (await stat(path).catch(() => null))?.isFile() ?? false,
  };
}

/** Why a command failed, in one line for people. */
export function reasonOf({ exitCode, stdout, stderr, timedOut }: CommandResult): string {
  if (timedOut) return 'took too long and was stopped';
  const lines = `${stdout}\n${stderr}`
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const telling =
    lines.find((line) => /error|cannot|could not|failed|not found|no module|unknown/i.test(line)) ??
    lines.at(-1);
  const code = exitCode === null ? 'did not run' : `exit ${exitCode}`;
  return telling === undefined ? code : `${code}: ${telling.slice(0, 240)}`;
}

async function which(command: string, path: string): Promise<string | null> {
  for (const folder of path.split(delimiter).filter((entry) => entry !== '')) {
    const file = join(folder, command);
    const executable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable && (await stat(file)).isFile()) return file;
  }
  return null;
}

interface RunContext {
  readonly variables: Variables;
  readonly options: CommandOptions;
}

function run(
  command: string,
  args: readonly string[],
  { variables, options }: RunContext,
): Promise<CommandResult> {
  const { timeoutMs, cwd, signal } = options;
  const env = { ...variables, ...options.variables };
  return new Promise((resolve, reject) => {
    const settings = { env, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 } as const;
    const scope = { ...(cwd !== undefined && { cwd }), ...(signal !== undefined && { signal }) };
    execFile(command, [...args], { ...settings, ...scope }, (error, stdout, stderr) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      const timedOut = error?.killed === true && error.signal === 'SIGKILL';
      const why = exitCode === null && !timedOut && stderr === '' ? (error?.message ?? '') : stderr;
      resolve({ exitCode, stdout, stderr: why, timedOut });
    });
  });
}
