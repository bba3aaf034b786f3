// The commands as data for commander: names, options, help. What a command does lies in its own file, loaded
// when called.

import { Command } from 'commander';

import { CODE_VERSION } from '../run-manifest.ts';
import { addModelCommands } from './commands-model.ts';
import { addRunCommands } from './commands-run.ts';
import { addServiceCommands } from './commands-services.ts';
import type { CommandContext, ExitCode } from './command-context.ts';

const OVERVIEW = `
Examples:
  tessera run sweep.yaml                          start it, attach to it, or resume it
  tessera run sweep.yaml --set model.control=random_init --set run=control
  tessera status                                  services and runs at a glance
  tessera inspect model.onnx                      taps, widths, bits per row

Exit codes: 0 done, 1 internal fault, 2 bad command or config, 3 bad input data,
4 service or device not available, 130 interrupted (the same command resumes).`;

/** Builds the program; each action reports its exit code through `done`. */
export function buildProgram(context: CommandContext, done: (code: ExitCode) => void): Command {
  const program = new Command('tessera')
    .description(
      'Sweeps corpora through neural networks, records which polytope every input is in, and samples with MetFlow chains.',
    )
    .version(CODE_VERSION, '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.answer(text.trimEnd()),
      writeErr: () => undefined,
      outputError: () => undefined,
    })
    .configureHelp({ showGlobalOptions: false })
    .helpCommand(false)
    .addHelpText('after', OVERVIEW);
  addRunCommands(program, context, done);
  addServiceCommands(program, context, done);
  addModelCommands(program, context, done);
  return program;
}
