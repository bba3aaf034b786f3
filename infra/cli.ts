// Entry of the command line, below tessera.mjs.

import { runShell } from './cli/shell.ts';
import { processTerminal } from './cli/terminal.ts';

const exitCode = await runShell(process.argv.slice(2), processTerminal());
// Client libraries leave timers and sockets behind; everything that matters is closed by now.
process.exit(exitCode);
