// Whether anybody takes a run's work: the task queues for which it waits while no worker asks them for any.

/** A task that no worker has begun. */
export interface WaitingTask {
  readonly queue: TaskQueue;
  /** When a worker could first have begun it, milliseconds by the server's clock. */
  readonly sinceMs: number;
}

export interface TaskQueue {
  readonly name: string;
  readonly of: 'workflows' | 'activities';
}

/** What a run has asked task queues for. */
export interface QueuedWork {
  readonly waiting: readonly WaitingTask[];
  /** Names of the queues of which a worker has taken an activity that is under way. */
  readonly served: ReadonlySet<string>;
}

/** When any worker last asked a queue for work, milliseconds by the server's clock; null where none did for some minutes. */
export type LastPolled = (queue: TaskQueue) => Promise<number | null>;

/** So long a task must wait; a worker that polls takes it within some milliseconds. */
const UNSERVED_MS = 15_000;

/**
 * Names of the queues for which a run waits in vain. A worker whose slots are full does not poll either: where others' tasks fill them,
 * a queue counts as unserved too, until a slot is free.
 */
export async function unservedQueues(
  { waiting, served }: QueuedWork,
  { lastPolled, nowMs }: { readonly lastPolled: LastPolled; readonly nowMs: number },
): Promise<readonly string[]> {
  const late = waiting.filter(
    ({ queue, sinceMs }) => !served.has(queue.name) && nowMs - sinceMs >= UNSERVED_MS,
  );
  const names = new Set<string>();
  for (const { queue } of late) {
    if (names.has(queue.name)) continue;
    const polledMs = await lastPolled(queue);
    if (polledMs === null || nowMs - polledMs >= UNSERVED_MS) names.add(queue.name);
  }
  return [...names];
}

/** What people read of an unserved queue. */
export function unservedText(queue: string): string {
  return (
    `no worker has asked task queue ${queue} for work for ${UNSERVED_MS / 1000} s, and the run waits for it: ` +
    'start one with tessera worker, unless those there are busy with other runs'
  );
}

/** Tells of each queue when nobody serves it any more, and when somebody does again. */
export function queueNews(tell: (text: string) => void): (unserved: readonly string[]) => void {
  const told = new Set<string>();
  return (unserved) => {
    for (const queue of unserved) {
      if (!told.has(queue)) tell(unservedText(queue));
      told.add(queue);
    }
    for (const queue of told) {
      if (unserved.includes(queue)) continue;
      tell(`a worker serves task queue ${queue} again`);
      told.delete(queue);
    }
  };
}
