// The real command line as a child process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PipelineFault } from '#schemas/errors.ts';

const ENTRY = fileURLToPath(new URL('../../infra/tessera.mjs', import.meta.url));

/** What the last line of stdout says with `--json`. */
export interface CommandJson {
  readonly run?: string;
  readonly status?: string;
  readonly output?: string;
  readonly rows?: Readonly<Record<string, number>>;
  readonly seconds?: number;
  readonly restarts?: number;
  readonly exitCode?: number;
  readonly fault?: PipelineFault;
  readonly doneRows?: number | null;
}

export interface CommandEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout, or null where it is no JSON object. */
  readonly json: CommandJson | null;
}

export interface RunningCommand {
  readonly pid: number;
  readonly end: Promise<CommandEnd>;
  readonly stderr: string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when stderr matches; rejects when the command ends first. */
  saying(pattern: RegExp): Promise<void>;
}

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /**
   * A command that takes longer has hung: it is killed, so that the test fails with what it said. Null for one that is meant to go on
   * until it is told to end. @default 400,000
   */
  readonly longestMs?: number | null;
}

const LONGEST_MS = 400_000;

/** Starts `tessera ARGS`. */
export function startTessera(
  args: readonly string[],
  { env, cwd, longestMs = LONGEST_MS }: CommandOptions,
): RunningCommand {
  const child = spawn(process.execPath, [ENTRY, ...args], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let onText: () => void = () => undefined;
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    onText();
  });
  const hung = longestMs === null ? undefined : setTimeout(() => child.kill('SIGKILL'), longestMs);
  const end = once(child, 'close').then(([code, signal]): CommandEnd => {
    clearTimeout(hung);
    onText();
    return { code, signal, stdout, stderr, json: lastJson(stdout) };
  });
  return {
    pid: child.pid!,
    end,
    get stderr() {
      return stderr;
    },
    kill: (signal) => void child.kill(signal),
    saying: (pattern) =>
      new Promise((resolve, reject) => {
        onText = () => {
          if (pattern.test(stderr)) resolve();
          else if (child.exitCode !== null || child.signalCode !== null)
            reject(new Error(`ended without ${pattern}: ${stderr}`));
        };
        onText();
      }),
  };
}

/** Program and arguments of `tessera ARGS`, for a command that runs it inside something else. */
export function tesseraCommandLine(args: readonly string[]): string[] {
  return [process.execPath, ENTRY, ...args];
}

/** The last line of a stdout as an object, or null. */
export function lastJson(stdout: string): CommandJson | null {
  try {
    const value: unknown = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    return typeof value === 'object' ? (value as CommandJson) : null;
  } catch {
    return null;
  }
}
