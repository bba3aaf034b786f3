// Science off the event loop: ONNX Runtime blocks its thread for a whole batch, and heartbeats must flow meanwhile.

import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { ThreadTasks } from '#schemas/tasks.ts';
import type { Compute } from '../../activities/ports.ts';
import { tracing } from '../observability/tracing.ts';
import { type ForkRequest, type TaskAnswer, type ToThread, unwrap } from './task-context.ts';

/** A small young generation: batches are typed arrays, which the collector only sees through it. */
export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 2 } as const;

type TaskName = keyof ThreadTasks;

const WAITING: ReadonlySet<TaskName> = new Set(['aggregate', 'collect', 'collectDraws', 'commit']);
/** More than the activity slots of a process, so that none ever waits for the thread. */
const MAX_WAITING = 1024;

/**
 * Threads for work that fills a core, and one for everything of the process that mostly waits (aggregators for messages,
 * commits for their parts): every thread costs about 80 MB. Tasks are asked to stop, never killed, so they can say where they got to.
 */
export function threadPool({
  threads,
  tasks,
  heapMb,
}: {
  readonly threads: number;
  /** Heap of one thread: one that wants more is replaced, and its task fails. @default what Node holds to be right */
  readonly heapMb?: number | undefined;
  /** What the threads load: `tasks` of the worker's bundle. */
  readonly tasks: string;
}): Compute & AsyncDisposable {
  const pools = openPools(threads, tasks, heapMb);

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
      const pool = WAITING.has(name) ? pools.waiting : pools.computing;
      const carrier = tracing().carrier();
      return await pool.run({ name, input, port: port2, carrier }, { name, transferList: [port2] });
    } finally {
      signal.removeEventListener('abort', stop);
      port1.close();
    }
  }

  return {
    async run(name, input, options) {
      return unwrap((await answerOf(name, input, options)) as TaskAnswer<ThreadTasks[typeof name]['output']>);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([pools.computing.destroy(), pools.waiting.destroy()]);
    },
  };
}

function openPools(
  threads: number,
  tasks: string,
  heapMb: number | undefined,
): { computing: Piscina; waiting: Piscina } {
  const options = {
    filename: pathToFileURL(tasks).href,
    // Without source maps: reading them takes longer than the code, and makes every collection mark them.
    execArgv: ['--no-warnings'],
    resourceLimits: { ...THREAD_LIMITS, ...(heapMb === undefined ? {} : { maxOldGenerationSizeMb: heapMb }) },
    minThreads: 0,
    // Idle encoders give their sessions back while a long commit needs the memory; a run that follows soon finds
    // threads whose code is compiled.
    idleTimeout: 15_000,
  };
  return {
    computing: new Piscina({ ...options, maxThreads: threads, concurrentTasksPerWorker: 1 }),
    waiting: new Piscina({ ...options, maxThreads: 1, concurrentTasksPerWorker: MAX_WAITING }),
  };
}

function tell(port: MessagePort, message: ToThread): void {
  port.postMessage(message);
}
