// Which part of a run an activity works on, for logs and traces.

import type { EncodeTask, LensWork } from '#schemas/messages.ts';

interface Placed {
  readonly partition?: number;
  readonly group?: number;
  readonly task?: EncodeTask;
  readonly work?: LensWork;
}

/** Partition, group, task and shards of an activity's input, as far as it has them. */
export function workPlace(input: object): Readonly<Record<string, number>> {
  const { partition, group, task, work } = input as Placed;
  const place = {
    partition,
    group,
    task: task?.task ?? work?.task,
    shard: task?.from.shard,
    toShard: task?.toShard,
  };
  const known = Object.entries(place).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return Object.fromEntries(known);
}
