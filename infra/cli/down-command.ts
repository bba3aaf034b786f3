// `tessera down`: ends background workers and local services.

import { TIMEOUTS } from '../../temporal.config.ts';
import { stopServices } from '../services.ts';
import { stopBackgroundWorkers } from './background-workers.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';

/** Stops workers first, so that they can hand back their tasks, then the services. */
export async function downCommand(
  options: GlobalOptions,
  { terminal, env: readEnv }: CommandContext,
): Promise<ExitCode> {
  const { home } = readEnv();
  const workers = await stopBackgroundWorkers(home, TIMEOUTS.shutdownGraceMs + 5000);
  const services = await stopServices(home);
  for (const pid of workers) terminal.note(`workers stopped (process ${pid})`);
  for (const { name, pid } of services) terminal.note(`${name} stopped (process ${pid})`);
  if (workers.length + services.length === 0) terminal.note('nothing was running');
  if (options.json === true) terminal.answer(JSON.stringify({ workers, services, exitCode: 0 }));
  return 0;
}
