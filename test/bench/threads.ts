// Threads of benches: started with their code loaded, then given work.

import { once } from 'node:events';
import { type Transferable, Worker } from 'node:worker_threads';
import { THREAD_LIMITS } from '../../infra/threads/pool.ts';

// Memory as in a worker: what is compared collects garbage as seldom.

/** Starts a thread that runs a module of this folder; what else it is told lies in `workerData.role`. */
export function startThread(module: string, role: unknown): Worker {
  return new Worker(new URL('./thread-entry.mjs', import.meta.url), {
    workerData: { module, role },
    execArgv: ['--no-warnings'],
    resourceLimits: THREAD_LIMITS,
  });
}

/** The next thing that a thread says. */
export async function nextMessage<T>(thread: Worker): Promise<T> {
  const [message] = (await once(thread, 'message')) as [T];
  return message;
}

/** Gives a thread work, and its answer back. */
export function ask<T>(thread: Worker, work: unknown, transfer: readonly Transferable[] = []): Promise<T> {
  const answer = nextMessage<T>(thread);
  thread.postMessage(work, [...transfer]);
  return answer;
}
