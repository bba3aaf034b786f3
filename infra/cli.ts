// Entry of the command line, below tessera.mjs.

import { runShell } from './cli/shell.ts';
import { processTerminal } from './cli/terminal.ts';

// A reader that leaves early (`| head`) is no failure.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
const exitCode = await runShell(process.argv.slice(2), processTerminal());
// Client libraries leave timers and sockets behind; everything that matters is closed by now.
// What was written into a pipe is still on its way: leaving at once would cut it off.
for (const stream of [process.stdout, process.stderr]) await new Promise((done) => stream.write('', done));
process.exit(exitCode);
