import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultOf } from '#schemas/errors.ts';
import type { AggregateInput } from '#schemas/tasks.ts';
import { threadPool } from '../../../infra/threads/pool.ts';

// Tasks as the pool calls them: one that takes all the memory it can get, and one that answers.
const TASKS = `
export function encode({ port }) {
  const kept = [];
  for (;;) kept.push(Array.from({ length: 1e5 }, () => ({})));
}
export function plan({ port }) { port.close(); return { ok: true, value: 'planned' }; }
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
