// Science off the event loop: ONNX Runtime blocks its thread for a whole batch, and heartbeats must flow meanwhile.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { ThreadTasks } from '#schemas/tasks.ts';
import type { Compute } from '../../activities/ports.ts';
import { type ForkRequest, type TaskAnswer, type ToThread, unwrap } from './task-context.ts';

type TaskName = keyof ThreadTasks;

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

  async function answerOf(
    name: TaskName,
    input: unknown,
    { signal, onProgress }: { signal: AbortSignal; onProgress: (report: unknown) => void },
  ): Promise<TaskAnswer<unknown>> {
    const { port1, port2 } = new MessageChannel();
    const stop = () => tell(port1, { kind: 'stop' });
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    port1.on('message', (message: ForkRequest | { readonly kind: 'progress'; readonly report: unknown }) => {
      if (message.kind === 'progress') onProgress(message.report);
      else fork(message).then((answer) => tell(port1, { kind: 'forked', id: message.id, answer }));
    });
    /** A part of a task, in another thread of this pool: threads that are warm already. */
    async function fork({ name: part, input: partInput }: ForkRequest): Promise<TaskAnswer<unknown>> {
      return answerOf(part, partInput, { signal, onProgress: () => undefined });
    }
    try {
      return await pool.run({ input, port: port2 }, { name, transferList: [port2] });
    } finally {
      signal.removeEventListener('abort', stop);
      port1.close();
    }
  }

  return {
    async run(name, input, options) {
      return unwrap((await answerOf(name, input, options)) as TaskAnswer<ThreadTasks[typeof name]['output']>);
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

function tell(port: MessagePort, message: ToThread): void {
  port.postMessage(message);
}
