// What commands, workers and their threads load: every task's code runs in a plain thread, is built once, and is never old code.

import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { threadPool } from '../../infra/threads/pool.ts';
import { programBundle } from '../../infra/program-bundle.ts';
import { ROOT } from '../../infra/sources-hash.mjs';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thread-bundle-'));
});
afterAll(() => rm(home, { recursive: true }));

/** Imports modules, one after the other, in a thread without any loader, and says what went wrong with each. */
function importInThread(urls: readonly string[]): Promise<Record<string, string>> {
  const code = `
    const outcomes = {};
    for (const url of ${JSON.stringify(urls)})
      outcomes[url] = await import(url).then(() => 'loaded', (error) => error.message);
    (await import('node:worker_threads')).parentPort.postMessage(outcomes);`;
  const thread = new Worker(`(async () => {${code}})()`, { eval: true, execArgv: [] });
  return new Promise((resolve, reject) => thread.on('message', resolve).on('error', reject));
}

describe('the bundle of workers', () => {
  test('every part of it loads in a thread that knows no TypeScript', async () => {
    const { tasks } = await programBundle(join(home, 'cache'));
    const folder = new URL('.', pathToFileURL(tasks));
    // Programs: what they start is tested by starting them.
    const programs = new Set(['cli.mjs', 'worker.mjs']);
    const names = (await readdir(folder)).filter((name) => name.endsWith('.mjs') && !programs.has(name));
    const parts = names.map((name) => new URL(name, folder).href);
    expect(parts.length).toBeGreaterThan(5);
    expect(await importInThread(parts)).toEqual(Object.fromEntries(parts.map((part) => [part, 'loaded'])));
  }, 60_000);

  test('is not built again while no source changes', async () => {
    const cache = join(home, 'cache');
    const bundle = await programBundle(cache);
    const builtAt = (await stat(bundle.worker)).mtimeMs;
    expect(await programBundle(cache)).toEqual(bundle);
    expect((await stat(bundle.worker)).mtimeMs).toBe(builtAt);
    expect(await readdir(cache)).toHaveLength(1);
  });
});

describe('the pool', () => {
  test('runs a task from the bundle and gives its fault back', async () => {
    const { tasks } = await programBundle(join(home, 'cache'));
    await using pool = threadPool({ threads: 1, tasks });
    const input = { runDir: join(home, 'no-run'), configSha256: 'x', partition: 0, allSent: false };
    const options = { signal: new AbortController().signal, onProgress: () => undefined };
    await expect(pool.run('aggregate', input, options)).rejects.toThrow(/no-run.plan.json/);
  }, 30_000);
});

describe('a command', () => {
  /** What a program says on stdout and stderr. */
  function said(cwd: string, ...args: readonly string[]): Promise<string> {
    return new Promise((resolve) =>
      execFile(
        process.execPath,
        args,
        { cwd, env: { ...process.env, TESSERA_HOME: home } },
        (_error, out, err) => resolve(out + err),
      ),
    );
  }

  test('runs from the bundle of its home, with errors that name the sources', async () => {
    const { cli } = await programBundle(join(home, 'cache'));
    await writeFile(cli, `console.log('from the bundle');${await readFile(cli, 'utf8')}`);
    const failed = await said(ROOT, 'infra/tessera.mjs', 'schema', 'nothing', '--debug');
    expect(failed).toContain('from the bundle');
    expect(failed).toMatch(/infra\/cli\/schema-command\.ts:\d+:\d+/);
  });

  test('runs from the sources once one of them was edited', async () => {
    const folder = await mkdtemp(join(home, 'clone-'));
    const sources = [
      'schemas',
      'activities',
      'infra',
      'temporal.config.ts',
      'package.json',
      'package-lock.json',
    ];
    for (const name of sources) await cp(join(ROOT, name), join(folder, name), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const place = "import('./infra/sources-hash.mjs').then((it) => console.log(it.programFolder('cache')))";
    const bundle = join(home, (await said(folder, '-e', place)).trim());
    await mkdir(bundle);
    await writeFile(join(bundle, 'cli.mjs'), "console.log('from the bundle');");
    expect(await said(folder, 'infra/tessera.mjs', '--help')).toBe('from the bundle\n');
    const program = join(folder, 'infra/cli/program.ts');
    const source = await readFile(program, 'utf8');
    await writeFile(program, source.replace('Sweeps corpora', 'Looks at corpora'));
    expect(await said(folder, 'infra/tessera.mjs', '--help')).toContain('Looks at corpora');
  });
});
