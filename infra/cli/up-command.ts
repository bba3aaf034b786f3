// `tessera up`: services and workers that stay when the command returns.

import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { openSession } from './session.ts';

/** Starts what is not running yet; says where everything is. */
export async function upCommand(
  options: GlobalOptions & { readonly processes: number },
  context: CommandContext,
): Promise<ExitCode> {
  const { terminal, interrupts } = context;
  const env = context.env();
  const existing = options.processes === 1 ? null : options.processes;
  await using session = await openSession({
    env,
    processes: existing,
    lifetime: 'background',
    onNote: terminal.note,
    signal: interrupts.signal,
  });
  const { temporal, brokers, started } = session.services;
  for (const { name, pid, how } of started) terminal.note(`${name} started (process ${pid}, ${how})`);
  terminal.note(
    `temporal ${temporal.address}${temporal.uiUrl === undefined ? '' : `, web page ${temporal.uiUrl}`}`,
  );
  terminal.note(`kafka    ${brokers.join(', ')}`);
  terminal.note('tessera down stops them');
  if (options.json === true) terminal.answer(JSON.stringify({ temporal, brokers, started, exitCode: 0 }));
  return 0;
}
