// What every thread task gets beside its input: a stop signal, a way to report progress, faults as data.

import type { MessagePort } from 'node:worker_threads';
import { faultOf } from '#schemas/errors.ts';
import type { ThreadTasks } from '#schemas/tasks.ts';
import type { TaskAnswer } from './pool.ts';

export interface TaskContext {
  /** Aborted when the task should stop at the next batch and return where it is. */
  readonly signal: AbortSignal;
  readonly progress: (report: unknown) => void;
}

/** Wraps a task function into what the pool calls. */
export function threadTask<Name extends keyof ThreadTasks>(
  task: (input: ThreadTasks[Name]['input'], context: TaskContext) => Promise<ThreadTasks[Name]['output']>,
) {
  return async ({
    input,
    port,
  }: {
    input: ThreadTasks[Name]['input'];
    port: MessagePort;
  }): Promise<TaskAnswer<ThreadTasks[Name]['output']>> => {
    const stopping = new AbortController();
    port.on('message', () => stopping.abort());
    try {
      return {
        ok: true,
        value: await task(input, { signal: stopping.signal, progress: (report) => port.postMessage(report) }),
      };
    } catch (error) {
      const stack = error instanceof Error ? error.stack : undefined;
      return { ok: false, fault: faultOf(error), ...(stack === undefined ? {} : { stack }) };
    } finally {
      port.close();
    }
  };
}
