// Commands about runs: run, status, list, logs, pause, resume, cancel, extend, schedule, report, migrate.

import type { Command } from 'commander';

import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { addCommand, collect, parseCount } from './command-options.ts';

type Done = (code: ExitCode) => void;
interface Place extends GlobalOptions {
  readonly out: string;
}

const OUT_HELP = 'folder in which runs are looked for, besides those that this machine remembers';

/** Adds the commands that start runs, show them and steer them. */
export function addRunCommands(program: Command, context: CommandContext, done: Done): void {
  addRun(program, context, done);
  addStatus(program, context, done);
  addLogs(program, context, done);
  for (const verb of ['pause', 'resume', 'cancel'] as const) addSteering(program, { verb, context, done });
  addExtend(program, context, done);
  addSchedule(program, context, done);
  addReport(program, context, done);
  addMigrate(program, context, done);
}

function addRun(program: Command, context: CommandContext, done: Done): void {
  addCommand(program, {
    usage: 'run <file>',
    about: 'start a run, attach to it where it goes on, resume it where it was interrupted',
    examples: [
      'tessera run sweep.yaml',
      'tessera run sweep.yaml --out results --json',
      'tessera run sweep.yaml --set dataset.rows=[0,1000] --set run=small',
      'tessera run sweep.yaml --detach; tessera status',
    ],
  })
    .option('--out <dir>', 'folder that receives the run folder (else output.dir of the config)')
    .option('--detach', 'return once it is started; services and workers go on in the background')
    .option('--set <key=value>', 'change one key of the config; may be repeated', collect, [])
    .option('--processes <n>', 'worker processes; 0 leaves the work to workers started elsewhere', parseCount)
    .option('--allow-code', 'let the config name a module with code of your own (target.module)')
    .action(async (file: string, options: Parameters<typeof import('./run-command.ts').runCommand>[1]) => {
      const { runCommand } = await import('./run-command.ts');
      done(await runCommand(file, options, context));
    });
}

function addStatus(program: Command, context: CommandContext, done: Done): void {
  addCommand(program, {
    usage: 'status [run]',
    about: 'what runs: services, rows per second, percent, time left, restarts',
    examples: ['tessera status', 'tessera status mnist-mlp --json'],
  })
    .option('--out <dir>', OUT_HELP, 'runs')
    .action(async (run: string | undefined, options: Place) => {
      const { statusCommand } = await import('./status-command.ts');
      done(await statusCommand(run ?? null, options, context));
    });
  addCommand(program, {
    usage: 'list',
    about: 'every run that this machine knows of',
    examples: ['tessera list', 'tessera list --out results'],
  })
    .option('--out <dir>', OUT_HELP, 'runs')
    .action(async (options: Place) => {
      const { listCommand } = await import('./list-command.ts');
      done(await listCommand(options, context));
    });
}

function addLogs(program: Command, context: CommandContext, done: Done): void {
  addCommand(program, {
    usage: 'logs <run>',
    about: 'what the workers wrote about a run',
    examples: [
      'tessera logs mnist-mlp',
      'tessera logs mnist-mlp --lines 20',
      'tessera logs mnist-mlp --json',
    ],
  })
    .option('--out <dir>', OUT_HELP, 'runs')
    .option('--lines <n>', 'show only the last lines', parseCount)
    .action(async (run: string, options: Place & { readonly lines?: number }) => {
      const { logsCommand } = await import('./logs-command.ts');
      done(await logsCommand(run, options, context));
    });
}

const STEERING = {
  pause: 'finish the tasks under way and start no new ones until resumed',
  resume: 'go on with a paused run',
  cancel: 'end a run; what it has recorded stays, the same command starts it again',
} as const;

function addSteering(
  program: Command,
  {
    verb,
    context,
    done,
  }: { readonly verb: keyof typeof STEERING; readonly context: CommandContext; readonly done: Done },
): void {
  addCommand(program, {
    usage: `${verb} <run>`,
    about: STEERING[verb],
    examples: [`tessera ${verb} mnist-mlp`],
  })
    .option('--out <dir>', OUT_HELP, 'runs')
    .action(async (run: string, options: Place) => {
      const { steerCommand } = await import('./steer-command.ts');
      done(await steerCommand(verb, run, { options, context }));
    });
}

function addExtend(program: Command, context: CommandContext, done: Done): void {
  addCommand(program, {
    usage: 'extend <run>',
    about: 'go on with the chains of a MetFlow run, finished or going on',
    examples: ['tessera extend ring --draws 1000'],
  })
    .requiredOption('--draws <n>', 'so many more draws of each chain', parseCount)
    .option('--out <dir>', OUT_HELP, 'runs')
    .option('--detach', 'return once it is started; services and workers go on in the background')
    .option('--processes <n>', 'worker processes; 0 leaves the work to workers started elsewhere', parseCount)
    .option('--allow-code', "let the run's module of your own be run again")
    .action(
      async (run: string, options: Parameters<typeof import('./extend-command.ts').extendCommand>[1]) => {
        const { extendCommand } = await import('./extend-command.ts');
        done(await extendCommand(run, options, context));
      },
    );
}

function addSchedule(program: Command, context: CommandContext, done: Done): void {
  addCommand(program, {
    usage: 'schedule <file>',
    about: 'run a config again and again, each time under the run id with the time (UTC) behind it',
    examples: ['tessera schedule sweep.yaml --cron "0 2 * * *"', 'tessera schedule sweep.yaml --remove'],
  })
    .option('--cron <expression>', 'when: minute hour day month weekday, UTC')
    .option('--remove', 'end the schedule of this config')
    .option('--out <dir>', 'folder that receives the run folders')
    .option('--set <key=value>', 'change one key of the config; may be repeated', collect, [])
    .action(
      async (
        file: string,
        options: Parameters<typeof import('./schedule-command.ts').scheduleCommand>[1],
      ) => {
        const { scheduleCommand } = await import('./schedule-command.ts');
        done(await scheduleCommand(file, options, context));
      },
    );
}

function addReport(program: Command, context: CommandContext, done: Done): void {
  addCommand(program, {
    usage: 'report <run...>',
    about: 'write one HTML file about finished runs; several are compared',
    examples: [
      'tessera report mnist-mlp',
      'tessera report mnist-mlp mnist-mlp-random --output report.html',
      'tessera report ring --figures figures',
    ],
  })
    .option('--out <dir>', OUT_HELP, 'runs')
    .option('--output <file>', 'the file to write (else report.html in the run folder, or beside several)')
    .option('--figures <dir>', 'also write every figure as SVG and PNG into this folder')
    .action(
      async (
        runs: readonly string[],
        options: Parameters<typeof import('./report-command.ts').reportCommand>[1],
      ) => {
        const { reportCommand } = await import('./report-command.ts');
        done(await reportCommand(runs, options, context));
      },
    );
}

function addMigrate(program: Command, context: CommandContext, done: Done): void {
  addCommand(program, {
    usage: 'migrate <run>',
    about: 'bring the tables of a run that an older version wrote to the layout of this one',
    examples: ['tessera migrate mnist-mlp', 'tessera migrate s3://results/mnist-mlp'],
  })
    .option('--out <dir>', OUT_HELP, 'runs')
    .action(async (run: string, options: Place) => {
      const { migrateCommand } = await import('./migrate-command.ts');
      done(await migrateCommand(run, options, context));
    });
}
