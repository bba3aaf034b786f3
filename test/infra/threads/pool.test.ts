import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultOf } from '#schemas/errors.ts';
import type { AggregateInput } from '#schemas/tasks.ts';
import { threadPool } from '../../../infra/threads/pool.ts';

// Tasks as the pool calls them: one that takes all the memory it can get, one that answers, and one that waits until it is stopped.
const TASKS = `
import { threadId } from 'node:worker_threads';
export function encode({ port }) {
  const kept = [];
  for (;;) kept.push(Array.from({ length: 1e5 }, () => ({})));
}
export function plan({ port }) { port.close(); return { ok: true, value: 'planned' }; }
export async function aggregate({ port }) {
  await new Promise((resolve) => port.once('message', resolve));
  port.close();
  return { ok: true, value: threadId };
}
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-pool-'));
  writeFileSync(join(folder, 'tasks.mjs'), TASKS);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('replaces a thread that wants more than its share of the quota, and fails its task only', async () => {
  await using pool = threadPool({ threads: 1, tasks: join(folder, 'tasks.mjs'), heapMb: 32 });
  const options = { signal: new AbortController().signal, onProgress: () => undefined };
  const failure = await pool.run('encode', {} as never, options).catch((error: unknown) => faultOf(error));
  expect(failure).toMatchObject({
    kind: 'memory-exceeded',
    what: expect.stringContaining('ran out of memory'),
  });
  expect(await pool.run('plan', {} as AggregateInput as never, options)).toBe('planned');
});

it.each([
  [2, [4]],
  [7, [4]],
  [8, [2, 2]],
  [16, [1, 1, 1, 1]],
])('shares aggregators out over a thread for every four of %i encoders', async (threads, expected) => {
  await using pool = threadPool({ threads, tasks: join(folder, 'tasks.mjs') });
  const stop = new AbortController();
  const options = { signal: stop.signal, onProgress: () => undefined };
  // The second pair comes later: whoever is up by then must not take both.
  const waiting = [pool.run('aggregate', {} as never, options), pool.run('aggregate', {} as never, options)];
  await pool.run('plan', {} as never, options);
  waiting.push(pool.run('aggregate', {} as never, options), pool.run('aggregate', {} as never, options));
  stop.abort();
  const tasks = new Map<unknown, number>();
  for (const thread of await Promise.all(waiting)) tasks.set(thread, (tasks.get(thread) ?? 0) + 1);
  expect([...tasks.values()]).toEqual(expected);
});
