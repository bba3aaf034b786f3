// What every command is given.

import type { Env } from '../env.ts';
import type { Interrupts } from './interrupts.ts';
import type { Terminal } from './terminal.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  /** One JSON object on the last line of stdout. */
  readonly json?: boolean;
  /** Stack traces with errors. */
  readonly debug?: boolean;
}

export interface CommandContext {
  readonly terminal: Terminal;
  readonly interrupts: Interrupts;
  /** Read lazily: commands that touch no service need no valid environment. */
  readonly env: () => Env;
}

/** What a command comes to: an exit code. The JSON of `--json` is printed by the command itself. */
export type ExitCode = number;
