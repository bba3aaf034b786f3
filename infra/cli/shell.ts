// From arguments to an exit code: parses, runs one command, and says what went wrong in one message.

import { inspect } from 'node:util';
import { CommanderError } from 'commander';

import { describeFault, type PipelineFault } from '#schemas/errors.ts';
import { readEnv } from '../env.ts';
import { listenForInterrupts } from './interrupts.ts';
import { buildProgram } from './program.ts';
import type { Terminal } from './terminal.ts';

/**
 * Runs the command line.
 * @param args - arguments after the program's name.
 * @returns the exit code (contract section 2).
 */
export async function runShell(args: readonly string[], terminal: Terminal): Promise<number> {
  using interrupts = listenForInterrupts();
  let exitCode = 0;
  const program = buildProgram({ terminal, interrupts, env: () => readEnv() }, (code) => {
    exitCode = code;
  });
  try {
    if (args.length === 0) {
      program.outputHelp();
      return 0;
    }
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return await tell(error, { args, terminal });
  }
}

async function tell(
  error: unknown,
  { args, terminal }: { readonly args: readonly string[]; readonly terminal: Terminal },
): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const { exitCodeOf, faultOfFailure } = await import('./cli-fault.ts');
  const { RunFailed } = await import('./run-report.ts');
  const { eventLine } = await import('./run-events.ts');
  const fault = error instanceof CommanderError ? commandFault(error, args[0] ?? '') : faultOfFailure(error);
  for (const line of faultLines(fault)) terminal.note(line);
  if (args.includes('--debug')) terminal.note(inspect(error));
  const exitCode = exitCodeOf(fault);
  if (args.includes('--json')) {
    const report = error instanceof RunFailed ? error.report : { exitCode, fault };
    terminal.answer(eventLine({ event: 'error', ...report, fault, status: failureOf(fault) }, Date.now()));
  }
  return exitCode;
}

/** One line; what was tried stands on lines of its own, where there is much of it. */
function faultLines({ tried = [], remedy, ...fault }: PipelineFault): readonly string[] {
  if (tried.length === 0)
    return [`error: ${describeFault({ ...fault, ...(remedy === undefined ? {} : { remedy }) })}`];
  return [
    `error: ${describeFault(fault)}:`,
    ...tried.map((line) => `  ${line}`),
    ...(remedy === undefined ? [] : [remedy]),
  ];
}

function failureOf({ kind }: PipelineFault): 'failed' | 'cancelled' | 'interrupted' {
  return kind === 'cancelled' || kind === 'interrupted' ? kind : 'failed';
}

/** @param command - what was typed first: where it is a command, its own help is the one to read. */
function commandFault(error: CommanderError, command: string): PipelineFault {
  const [what = '', hint] = error.message.replace(/^error: /, '').split(/\s*\n\(Did you mean /);
  const meant = hint === undefined ? '' : `Did you mean ${hint.replace(/\?\)$/, '')}? `;
  const known = error.code !== 'commander.unknownCommand' && /^[a-z]+$/.test(command);
  const help = known
    ? `tessera ${command} --help explains it.`
    : 'tessera --help lists the commands, tessera COMMAND --help explains one.';
  const remedy = meant + help;
  return { kind: 'command-invalid', what: what.replace(/\.$/, ''), remedy };
}
