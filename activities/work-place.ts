// Which part of a run an activity works on, for logs and traces.

import type { EncodeTask, LensWork } from '#schemas/messages.ts';

interface Placed {
  readonly partition?: number;
  readonly group?: number;
  /** Shards to encode, or the number of a task about images. */
  readonly task?: EncodeTask | number;
  readonly work?: LensWork;
}

/** Partition, group, task and shards of an activity's input, as far as it has them. */
export function workPlace(input: object): Readonly<Record<string, number>> {
  const { partition, group, task, work } = input as Placed;
  const shards = typeof task === 'number' ? undefined : task;
  const place = {
    partition,
    group,
    task: shards?.task ?? work?.task ?? (task as number | undefined),
    shard: shards?.from.shard,
    toShard: shards?.toShard,
  };
  const known = Object.entries(place).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return Object.fromEntries(known);
}
