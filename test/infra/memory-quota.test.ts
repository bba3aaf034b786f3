import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { PipelineFault } from '#schemas/errors.ts';
import { watchMemory } from '../../infra/memory-quota.ts';

const MIB = 2 ** 20;

it('tells once that a worker took too much, with both numbers', async () => {
  let resident = 100 * MIB;
  const told: PipelineFault[] = [];
  using _watch = watchMemory({
    limitBytes: 400 * MIB,
    onExceeded: (fault) => told.push(fault),
    residentBytes: () => resident,
    lookEveryMs: 1,
  });
  await sleep(20);
  expect(told).toEqual([]);
  resident = 400 * MIB + 1;
  await sleep(30);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ kind: 'memory-exceeded', value: '401 MiB of 400 MiB' });
  expect(told[0]!.remedy).toContain('TESSERA_WORKER_MB');
});
