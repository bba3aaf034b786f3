// What every thread task gets beside its input: a stop signal, a way to report progress, a way to hand parts of its work to
// other threads. Faults cross as data, because structured clone drops an error's own fields.

import type { MessagePort } from 'node:worker_threads';
import { faultOf, PipelineError, type PipelineFault } from '#schemas/errors.ts';
import type { ThreadTasks } from '#schemas/tasks.ts';
import { openTracing, type TraceCarrier, workAttributes } from '../observability/tracing.ts';

/** What a thread task answers. */
export type TaskAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: PipelineFault; readonly stack?: string };

/** What the pool hands to a thread. */
export interface ThreadRequest<Name extends keyof ThreadTasks> {
  readonly name: Name;
  readonly input: ThreadTasks[Name]['input'];
  readonly port: MessagePort;
  /** The span that the task belongs to. */
  readonly carrier: TraceCarrier;
}

/** A thread asks the pool to run a part of its task elsewhere. */
export interface ForkRequest {
  readonly kind: 'fork';
  readonly id: number;
  readonly name: keyof ThreadTasks;
  readonly input: unknown;
}

/** What the pool tells a thread. */
export type ToThread =
  | { readonly kind: 'stop' }
  | { readonly kind: 'forked'; readonly id: number; readonly answer: TaskAnswer<unknown> };

export interface TaskContext {
  /** Aborted when the task should stop at the next batch and return where it is. */
  readonly signal: AbortSignal;
  readonly progress: (report: unknown) => void;
  /** Runs a part of the work in another thread of the pool. */
  readonly fork: <Name extends keyof ThreadTasks>(
    name: Name,
    input: ThreadTasks[Name]['input'],
  ) => Promise<ThreadTasks[Name]['output']>;
}

/** As often as heartbeats are sent at most. */
const REPORT_MS = 500;

/** Wraps a task function into what the pool calls. */
export function threadTask<Name extends keyof ThreadTasks>(
  task: (input: ThreadTasks[Name]['input'], context: TaskContext) => Promise<ThreadTasks[Name]['output']>,
) {
  return async ({
    input,
    port,
    name,
    carrier,
  }: ThreadRequest<Name>): Promise<TaskAnswer<ThreadTasks[Name]['output']>> => {
    const traces = await openTracing();
    const { context, reported } = contextOf(port);
    const work = () => task(input, context);
    try {
      const value = await traces.within(carrier, () => traces.span(name, workAttributes(input), work));
      return { ok: true, value };
    } catch (error) {
      const stack = error instanceof Error ? error.stack : undefined;
      return { ok: false, fault: faultOf(error), ...(stack === undefined ? {} : { stack }) };
    } finally {
      // A thread that idles is ended without notice.
      await traces.flush();
      reported();
      port.close();
    }
  };
}

/** @returns `reported` sends a report that still waits. */
function contextOf(port: MessagePort): { readonly context: TaskContext; readonly reported: () => void } {
  const stopping = new AbortController();
  const waiting = new Map<number, (answer: TaskAnswer<unknown>) => void>();
  let lastId = 0;
  port.on('message', (message: ToThread) => {
    if (message.kind === 'stop') stopping.abort();
    else waiting.get(message.id)?.(message.answer);
  });
  const { progress, reported } = latestOf((report) => port.postMessage({ kind: 'progress', report }));
  const context: TaskContext = {
    signal: stopping.signal,
    progress,
    fork: async (name, input) => {
      const id = ++lastId;
      const answer = await new Promise<TaskAnswer<unknown>>((resolve) => {
        waiting.set(id, resolve);
        port.postMessage({ kind: 'fork', id, name, input } satisfies ForkRequest);
      });
      waiting.delete(id);
      return unwrap(answer as TaskAnswer<ThreadTasks[typeof name]['output']>);
    },
  };
  return { context, reported };
}

/** Reports by the hundred cost the event loop more than the work does: the latest one every {@link REPORT_MS} is enough for heartbeats. */
function latestOf(post: (report: unknown) => void): {
  readonly progress: (report: unknown) => void;
  readonly reported: () => void;
} {
  let latest: { readonly report: unknown } | null = null;
  let timer: NodeJS.Timeout | null = null;
  const send = () => {
    if (latest === null) return;
    post(latest.report);
    latest = null;
  };
  return {
    progress(report) {
      latest = { report };
      if (timer !== null) return;
      send();
      timer = setTimeout(() => {
        timer = null;
        send();
      }, REPORT_MS);
    },
    reported() {
      if (timer !== null) clearTimeout(timer);
      send();
    },
  };
}

/** The value of an answer, or its fault thrown with the stack of the thread it came from. */
export function unwrap<T>(answer: TaskAnswer<T>): T {
  if (answer.ok) return answer.value;
  const error = new PipelineError(answer.fault);
  if (answer.stack !== undefined) error.stack = answer.stack;
  throw error;
}
