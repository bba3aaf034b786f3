// Commands that need no services: inspect, schema.

import type { Command } from 'commander';

import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { addCommand } from './command-options.ts';

type Done = (code: ExitCode) => void;

/** Adds the commands that look at models and tables. */
export function addModelCommands(program: Command, context: CommandContext, done: Done): void {
  addCommand(program, {
    usage: 'inspect <model>',
    about: 'taps of a model: widths, bits per row, what is exact and what is not',
    examples: ['tessera inspect model.onnx', 'tessera inspect cnn.onnx --granularity position --json'],
  })
    .option('--granularity <kind>', 'image, or position: one code row per spatial position', 'image')
    .action(async (file: string, options: GlobalOptions & { readonly granularity: string }) => {
      const { inspectCommand } = await import('./inspect-command.ts');
      done(await inspectCommand(file, options, context));
    });
  addCommand(program, {
    usage: 'schema [table]',
    about: 'tables, columns, types and units; `schema config` is the JSON Schema of the config for editors',
    examples: ['tessera schema', 'tessera schema regions', 'tessera schema config > sweep.schema.json'],
  }).action(async (table: string | undefined, options: GlobalOptions) => {
    const { schemaCommand } = await import('./schema-command.ts');
    done(schemaCommand(table ?? null, options, context));
  });
}
