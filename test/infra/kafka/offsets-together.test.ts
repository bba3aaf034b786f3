import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { offsetsTogether } from '../../../infra/kafka/code-log.ts';

it('asks once for all partitions that are wanted at the same time, and never hands out what was asked before', async () => {
  const asked: string[] = [];
  let high = 0n;
  const offsets = offsetsTogether(async (topic) => {
    asked.push(topic);
    await nextTurn();
    return new Map([0, 1, 2].map((partition) => [partition, { low: 0n, high: high + BigInt(partition) }]));
  });
  const first = await Promise.all([0, 1, 2, 7].map((partition) => offsets('a', partition)));
  expect(first.map((found) => found.high)).toEqual([0n, 1n, 2n, 0n]);
  expect(asked).toEqual(['a']);
  const under = offsets('a', 0);
  await nextTurn();
  high = 5n;
  const later = offsets('a', 0);
  const other = offsets('b', 0);
  await Promise.all([under, later, other]);
  expect(asked).toEqual(['a', 'a', 'a', 'b']);
  expect((await later).high).toBe(5n);
});

it('tells every asker of a failure, and asks again afterwards', async () => {
  let broken = true;
  const offsets = offsetsTogether(async () => {
    if (broken) throw new Error('no leader');
    return new Map([[0, { low: 1n, high: 2n }]]);
  });
  const failed = await Promise.allSettled([offsets('a', 0), offsets('a', 1)]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  broken = false;
  expect(await offsets('a', 0)).toEqual({ low: 1n, high: 2n });
});
