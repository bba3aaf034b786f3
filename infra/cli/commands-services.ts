// Commands about services and workers: up, down, worker.

import type { Command } from 'commander';

import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { addCommand, parseCount } from './command-options.ts';

type Done = (code: ExitCode) => void;

/** Adds the commands that keep services and workers running. */
export function addServiceCommands(program: Command, context: CommandContext, done: Done): void {
  addCommand(program, {
    usage: 'up',
    about: 'start local services and workers and keep them running',
    examples: ['tessera up', 'tessera up --processes 2', 'tessera up --processes 0   # services only'],
  })
    .option('--processes <n>', 'worker processes', parseCount, 1)
    .action(async (options: GlobalOptions & { readonly processes: number }) => {
      const { upCommand } = await import('./up-command.ts');
      done(await upCommand(options, context));
    });
  addCommand(program, {
    usage: 'down',
    about: 'stop local services and background workers; unfinished runs resume later',
    examples: ['tessera down'],
  }).action(async (options: GlobalOptions) => {
    const { downCommand } = await import('./down-command.ts');
    done(await downCommand(options, context));
  });
  addCommand(program, {
    usage: 'worker',
    about: 'work for the services that the environment names, or the local ones, until interrupted',
    examples: [
      'tessera worker --processes 4',
      'TEMPORAL_ADDRESS=host:7233 KAFKA_BROKERS=host:9092 tessera worker --queues cpu',
    ],
  })
    .option('--processes <n>', 'worker processes', parseCount, 1)
    .option('--queues <names>', 'comma-separated queues to serve (all without this)')
    .action(async (options: GlobalOptions & { readonly processes: number; readonly queues?: string }) => {
      const { workerCommandLine } = await import('./worker-command.ts');
      done(await workerCommandLine(options, context));
    });
}
