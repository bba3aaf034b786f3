// What workers and their threads load: every task's code runs in a plain thread, and is built once.

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { threadPool } from '../../infra/threads/pool.ts';
import { workerBundle } from '../../infra/worker-bundle.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thread-bundle-'));
});
afterAll(() => rm(home, { recursive: true }));

/** Imports a module in a thread without any loader, and says what went wrong. */
function importInThread(url: string): Promise<string> {
  return new Promise((resolve) => {
    const thread = new Worker(`import(${JSON.stringify(url)})`, { eval: true, execArgv: [] });
    thread.on('error', (error) => resolve(error.message));
    thread.on('exit', () => resolve('loaded'));
  });
}

describe('the bundle of workers', () => {
  test('every part of it loads in a thread that knows no TypeScript', async () => {
    const { tasks } = await workerBundle(join(home, 'cache'));
    const folder = new URL('.', pathToFileURL(tasks));
    // The worker itself connects to services: the live tests start it.
    const parts = (await readdir(folder)).filter((name) => name.endsWith('.mjs') && name !== 'worker.mjs');
    expect(parts.length).toBeGreaterThan(5);
    const outcomes = await Promise.all(
      parts.map(async (name) => `${name} ${await importInThread(new URL(name, folder).href)}`),
    );
    expect(outcomes).toEqual(parts.map((name) => `${name} loaded`));
  }, 60_000);

  test('is not built again while no source changes', async () => {
    const cache = join(home, 'cache');
    const { worker, tasks } = await workerBundle(cache);
    const builtAt = (await stat(worker)).mtimeMs;
    expect(await workerBundle(cache)).toEqual({ worker, tasks });
    expect((await stat(worker)).mtimeMs).toBe(builtAt);
    expect(await readdir(cache)).toHaveLength(1);
  });
});

describe('the pool', () => {
  test('runs a task from the bundle and gives its fault back', async () => {
    const { tasks } = await workerBundle(join(home, 'cache'));
    await using pool = threadPool({ threads: 1, tasks });
    const input = { runDir: join(home, 'no-run'), configSha256: 'x', partition: 0, allSent: false };
    const options = { signal: new AbortController().signal, onProgress: () => undefined };
    await expect(pool.run('aggregate', input, options)).rejects.toThrow(/no-run.plan.json/);
  }, 30_000);
});
