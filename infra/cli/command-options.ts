// Options that several commands share.

import { type Command, InvalidArgumentError } from 'commander';

/** What `--help` says of a command. */
export interface CommandText {
  /** Name and arguments: `run <file>`. */
  readonly usage: string;
  readonly about: string;
  readonly examples: readonly string[];
}

/** A command that takes the options common to all. */
export function addCommand(program: Command, { usage, about, examples }: CommandText): Command {
  return program
    .command(usage)
    .description(about)
    .option('--json', 'print one JSON object on the last line of stdout')
    .option('--debug', 'print stack traces with errors')
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
}

/** Parses a whole number that is not negative. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0 to 9999.');
  return value;
}

/** Collects an option that may be given several times. */
export function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}
