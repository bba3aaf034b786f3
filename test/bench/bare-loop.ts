// The bare loop: a sweep's work in one process, without Kafka and Temporal. What orchestration is measured against.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { SweepInput } from '#schemas/messages.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { CommitPartInput, CommitPartOutput } from '#schemas/tasks.ts';
import type { CodeMessage } from '../../activities/ports.ts';
import { commitRun } from '../../infra/aggregate/commit-run.ts';
import { lanes } from '../../infra/threads/lanes.ts';
import { ask, nextMessage, startThread } from './threads.ts';

const MODULE = './bare-loop-thread.ts';

/** What a thread is for; encoders share a counter of shards, and the first of them plans. */
export type LoopRole =
  | { readonly kind: 'encode'; readonly next: Int32Array }
  | { readonly kind: 'aggregate'; readonly partition: number }
  | { readonly kind: 'commit' };

export interface LoopJob {
  readonly runDir: string;
  readonly configSha256: string;
  /** An encoder's port to each aggregator, an aggregator's to each encoder; none where messages are dropped. */
  readonly ports: readonly MessagePort[];
}

/** Messages of one batch for one partition; null after the last. */
export type Handed = readonly CodeMessage[] | null;

export interface LoopSeconds {
  /** Opening data set and model, checking and numbering the shards, as a run does. */
  readonly planning: number;
  /** From there until the last batch was encoded, sessions opened. */
  readonly encoding: number;
  /** From there until the last segment was written. */
  readonly aggregating: number;
  readonly committing: number;
  readonly total: number;
}

export interface BareLoop extends AsyncDisposable {
  /** Plans, reads, encodes, makes messages and drops them. */
  encodeOnly(): Promise<LoopSeconds>;
  /** The same, and aggregates and commits. */
  wholeRun(): Promise<LoopSeconds>;
}

/**
 * Starts the threads and loads their code, which is not on the clock: a worker has done so when a run comes.
 * @param input - what a run is given; every call has a folder of its own in place of `runDir`, in the one of that name.
 */
export async function startBareLoop(
  input: SweepInput,
  { threads }: { readonly threads: number },
): Promise<BareLoop> {
  const next = new Int32Array(new SharedArrayBuffer(4));
  const encoders = Array.from({ length: threads }, () =>
    startThread(MODULE, { kind: 'encode', next } satisfies LoopRole),
  );
  const aggregators = Array.from({ length: input.config.stream.partitions }, (_, partition) =>
    startThread(MODULE, { kind: 'aggregate', partition } satisfies LoopRole),
  );
  const committers = Array.from({ length: threads }, () =>
    startThread(MODULE, { kind: 'commit' } satisfies LoopRole),
  );
  const all = [...encoders, ...aggregators, ...committers];
  await Promise.all(all.map(nextMessage));
  const { configSha256 } = input;
  let runs = 0;

  async function run(readers: readonly Worker[], commits: boolean): Promise<LoopSeconds> {
    const runDir = join(input.runDir, String(runs++));
    const channels = encoders.map(() => readers.map(() => new MessageChannel()));
    Atomics.store(next, 0, 0);
    const times = [performance.now()];
    const lap = () => times.push(performance.now());
    const plan = await ask<SweepPlan>(encoders[0]!, { ...input, runDir });
    lap();
    const encoded = encoders.map((thread, i) =>
      give(thread, { runDir, configSha256, ports: channels[i]!.map(({ port1 }) => port1) }),
    );
    const aggregated = readers.map((thread, i) =>
      give(thread, { runDir, configSha256, ports: channels.map((ports) => ports[i]!.port2) }),
    );
    await Promise.all(encoded);
    lap();
    await Promise.all(aggregated);
    lap();
    if (commits) await commit(runDir, plan);
    lap();
    await rm(runDir, { recursive: true, force: true });
    const [planning, encoding, aggregating, committing] = times
      .slice(1)
      .map((at, i) => (at - times[i]!) / 1000) as [number, number, number, number];
    const total = (times.at(-1)! - times[0]!) / 1000;
    return { planning, encoding, aggregating, committing, total };
  }

  /** Parts of the tables on all threads, as the product writes them. */
  async function commit(runDir: string, plan: SweepPlan): Promise<void> {
    const free = [...committers];
    const inLane = lanes(free.length);
    await commitRun({
      runDir,
      plan,
      codeVersion: 'bench',
      runTask: ({ folder, task }) =>
        inLane(async () => {
          const thread = free.pop()!;
          const part: CommitPartInput = { runDir, configSha256, folder, part: task };
          const written = await ask<CommitPartOutput>(thread, part);
          free.push(thread);
          return written;
        }),
    });
  }

  return {
    encodeOnly: () => run([], false),
    wholeRun: () => run(aggregators, true),
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((thread) => thread.terminate()));
    },
  };
}

function give(thread: Worker, job: LoopJob): Promise<unknown> {
  return ask(thread, job, job.ports);
}
