import { describe, expect, it } from 'vitest';

import {
  queueNews,
  type QueuedWork,
  type TaskQueue,
  unservedQueues,
  type WaitingTask,
} from '../../../infra/cli/unserved-queues.ts';

const CPU = { name: 'tessera-cpu', of: 'activities' } as const;
const WORKFLOWS = { name: 'tessera', of: 'workflows' } as const;
const NOW_MS = 1_000_000;

function task(queue: TaskQueue, secondsAgo: number): WaitingTask {
  return { queue, sinceMs: NOW_MS - secondsAgo * 1000 };
}

/** A server at which queues were last asked for work so many seconds ago. */
async function unserved(
  work: Partial<QueuedWork>,
  polled: Readonly<Record<string, number>> = {},
): Promise<{ readonly queues: readonly string[]; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const queues = await unservedQueues(
    { waiting: [], served: new Set(), ...work },
    {
      nowMs: NOW_MS,
      lastPolled: async ({ name }) => {
        asked.push(name);
        return name in polled ? NOW_MS - polled[name]! * 1000 : null;
      },
    },
  );
  return { queues, asked };
}

describe('a queue is unserved', () => {
  it('where a task has waited for 15 s and no worker has asked for work in that time', async () => {
    const waiting = [task(WORKFLOWS, 15), task(CPU, 40), task(CPU, 20)];
    expect(await unserved({ waiting })).toEqual({
      queues: ['tessera', 'tessera-cpu'],
      asked: ['tessera', 'tessera-cpu'],
    });
    // Workers that died are still on the server's list.
    expect((await unserved({ waiting }, { tessera: 15, 'tessera-cpu': 200 })).queues).toEqual([
      'tessera',
      'tessera-cpu',
    ]);
  });

  it('not while a worker asks for work: it may have others to do first', async () => {
    const waiting = [task(WORKFLOWS, 60), task(CPU, 60)];
    expect((await unserved({ waiting }, { tessera: 3, 'tessera-cpu': 14.9 })).queues).toEqual([]);
  });

  it('not before, nor where a retry is due later, nor where a task of the run is under way: nobody is asked then', async () => {
    const soon = [task(WORKFLOWS, 14.9), task(CPU, -8)];
    expect(await unserved({ waiting: soon })).toEqual({ queues: [], asked: [] });
    const full = { waiting: [task(CPU, 600)], served: new Set(['tessera-cpu']) };
    expect(await unserved(full)).toEqual({ queues: [], asked: [] });
    expect(await unserved({})).toEqual({ queues: [], asked: [] });
  });
});

it('news of a queue are told once each time that its workers go and come back', () => {
  const told: string[] = [];
  const news = queueNews((text) => told.push(text));
  for (const queues of [[], ['tessera'], ['tessera', 'tessera-io'], ['tessera-io'], [], [], ['tessera']])
    news(queues);
  expect(told.map((text) => text.split(':')[0])).toEqual([
    expect.stringMatching(/^no worker .* task queue tessera for/),
    expect.stringMatching(/^no worker .* task queue tessera-io for/),
    'a worker serves task queue tessera again',
    'a worker serves task queue tessera-io again',
    expect.stringMatching(/^no worker .* task queue tessera for/),
  ]);
  expect(told[0]).toContain('tessera worker');
});
