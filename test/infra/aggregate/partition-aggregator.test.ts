// What an aggregator refuses, drops and still waits for.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PartitionAggregator } from '../../../infra/aggregate/partition-aggregator.ts';
import { aggregate, freshRun, inOrder, makeRoot, PLAN, root } from './run-fixture.ts';

makeRoot();

describe('PartitionAggregator', () => {
  test('refuses segments of another config', async () => {
    const runDir = await freshRun();
    await aggregate(runDir, { partitions: inOrder() });
    const other = { ...PLAN, configSha256: 'another' };
    const open = PartitionAggregator.open({ dir: join(runDir, 'segments'), partition: 0, plan: other });
    await expect(open).rejects.toMatchObject({ fault: { kind: 'run-config-mismatch' } });
  });

  test('names the messages that it still waits for, in plan order', async () => {
    const aggregator = await PartitionAggregator.open({ dir: join(root, 'none'), partition: 1, plan: PLAN });
    const own = inOrder()[1]!;
    await aggregator.add(own.filter(({ headers: { shard, batch } }) => shard !== 1 || batch !== 3));
    expect(aggregator.complete).toBe(false);
    expect(aggregator.outstanding).toBe(3);
    expect(aggregator.missingBatches()).toEqual([
      { kind: 'codes', shard: 1, batch: 3 },
      { kind: 'points', shard: 1, batch: 3 },
      { kind: 'units', shard: 1, batch: 3 },
    ]);
    expect(aggregator.missingBatches(1)).toHaveLength(1);
  });

  test('drops what it has seen, before and after a restart', async () => {
    const runDir = await freshRun();
    const open = () => PartitionAggregator.open({ dir: join(runDir, 'segments'), partition: 0, plan: PLAN });
    const messages = inOrder()[0]!;
    const first = await open();
    expect((await first.add([...messages, ...messages])).dropped).toBe(messages.length);
    await first.flush();
    const second = await open();
    expect(await second.add(messages)).toEqual({
      codeRows: 0,
      points: 0,
      dropped: messages.length,
      segments: 0,
    });
    expect(await second.flush()).toBe(false);
  });

  test('says which message is damaged', async () => {
    const aggregator = await PartitionAggregator.open({ dir: join(root, 'none'), partition: 0, plan: PLAN });
    const [message] = inOrder()[0]!;
    const cut = { ...message!, value: message!.value.slice(0, -400) };
    await expect(aggregator.add([cut])).rejects.toThrow('codes message of shard 0, batch 0');
  });
});
