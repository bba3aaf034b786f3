import { expect, it } from 'vitest';
import { workPlace } from '../../activities/work-place.ts';

it('names what an input has, and nothing else', () => {
  const run = { runDir: '/runs/a', configSha256: 'x' };
  expect(workPlace(run)).toEqual({});
  expect(workPlace({ ...run, partition: 0, allSent: false })).toEqual({ partition: 0 });
  expect(workPlace({ ...run, group: 3, draws: 10 })).toEqual({ group: 3 });
  expect(workPlace({ ...run, work: { task: 5, sent: 2 } })).toEqual({ task: 5 });
  expect(workPlace({ ...run, task: 2 })).toEqual({ task: 2 });
  const task = { task: 1, from: { shard: 4, batch: 2 }, toShard: 6 };
  expect(workPlace({ ...run, task })).toEqual({ task: 1, shard: 4, toShard: 6 });
});
