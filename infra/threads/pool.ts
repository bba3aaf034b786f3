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
/** More than the activity slots of a process, so that none ever waits for a thread. */
const MAX_WAITING = 1024;
/** One aggregating thread keeps up with about so many that encode a small net (bench: run-against-loop). */
const COMPUTING_PER_WAITING = 4;

/**
 * Threads for work that fills a core, and a fourth as many for what mostly waits (aggregators for messages, commits for their parts),
 * which share them: every thread costs about 80 MB. Tasks are asked to stop, never killed, so they can say where they got to.
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
  const { computing, waiting } = openPlaces(threads, tasks, heapMb);

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
    const place = WAITING.has(name) ? leastBusy(waiting) : computing;
    place.tasks++;
    try {
      const carrier = tracing().carrier();
      return await place.threads.run({ name, input, port: port2, carrier }, { name, transferList: [port2] });
    } finally {
      place.tasks--;
      signal.removeEventListener('abort', stop);
      port1.close();
    }
  }

  return {
    async run(name, input, options) {
      return unwrap((await answerOf(name, input, options)) as TaskAnswer<ThreadTasks[typeof name]['output']>);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([computing, ...waiting].map((place) => place.threads.destroy()));
    },
  };
}

/** Where tasks run, and how many are there. */
interface Place {
  readonly threads: Piscina;
  tasks: number;
}

function openPlaces(
  threads: number,
  tasks: string,
  heapMb: number | undefined,
): { readonly computing: Place; readonly waiting: readonly Place[] } {
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
  const open = (maxThreads: number, concurrentTasksPerWorker: number): Place => {
    return { threads: new Piscina({ ...options, maxThreads, concurrentTasksPerWorker }), tasks: 0 };
  };
  const length = Math.max(1, Math.floor(threads / COMPUTING_PER_WAITING));
  // A pool would have its first thread, once that is up, take all of them.
  return { computing: open(threads, 1), waiting: Array.from({ length }, () => open(1, MAX_WAITING)) };
}

function leastBusy(places: readonly Place[]): Place {
  return places.reduce((best, place) => (place.tasks < best.tasks ? place : best));
}

function tell(port: MessagePort, message: ToThread): void {
  port.postMessage(message);
}
