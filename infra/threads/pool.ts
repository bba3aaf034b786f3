// Science off the event loop: ONNX Runtime blocks its thread for a whole batch, and heartbeats must flow meanwhile.

import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { PipelineError, type PipelineFault } from '#schemas/errors.ts';
import type { ThreadTasks } from '#schemas/tasks.ts';
import type { Compute } from '../../activities/ports.ts';

/** What a thread task answers; errors cross as data because structured clone drops an error's own fields. */
export type TaskAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: PipelineFault; readonly stack?: string };

/** A pool that grows to `threads`; tasks are asked to stop, never killed, so they can say where they got to. */
export function threadPool({ threads }: { threads: number }): Compute & AsyncDisposable {
  const pool = new Piscina({
    filename: new URL('./entry.mjs', import.meta.url).href,
    execArgv: ['--no-warnings'],
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: 60_000,
    concurrentTasksPerWorker: 1,
  });
  return {
    async run(name, input, { signal, onProgress }) {
      const { port1, port2 } = new MessageChannel();
      const stop = () => port1.postMessage('stop');
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      port1.on('message', onProgress);
      try {
        const answer: TaskAnswer<ThreadTasks[typeof name]['output']> = await pool.run(
          { input, port: port2 },
          { name, transferList: [port2] },
        );
        if (answer.ok) return answer.value;
        const error = new PipelineError(answer.fault);
        if (answer.stack !== undefined) error.stack = answer.stack;
        throw error;
      } finally {
        signal.removeEventListener('abort', stop);
        port1.close();
      }
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}
