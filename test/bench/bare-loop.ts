// The bare loop: a sweep's work in one process, without Kafka and Temporal. What orchestration is measured against.

import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { CommitPartInput, CommitPartOutput } from '#schemas/tasks.ts';
import type { CodeMessage } from '../../activities/ports.ts';
import { commitRun } from '../../infra/aggregate/commit-run.ts';
import { PLAN_FILE } from '../../infra/run-plan.ts';
import { lanes } from '../../infra/threads/lanes.ts';
import { ask, nextMessage, startThread } from './threads.ts';

const MODULE = './bare-loop-thread.ts';

/** What a thread is for; encoders share a counter of shards. */
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
  /** From the start until the last batch was encoded. */
  readonly encoding: number;
  /** From there until the last segment was written. */
  readonly aggregating: number;
  readonly committing: number;
  readonly total: number;
}

export interface BareLoop extends AsyncDisposable {
  /** Reads, encodes, makes messages and drops them. */
  encodeOnly(): Promise<LoopSeconds>;
  /** The same, and aggregates and commits into `runDir`, which is removed before. */
  wholeRun(runDir: string): Promise<LoopSeconds>;
}

/**
 * Starts the threads and loads their code, which is not on the clock: a worker has done so when a run comes.
 * @param plannedRun - Run folder whose plan.json is followed.
 */
export async function startBareLoop(
  plannedRun: string,
  { plan, threads }: { readonly plan: SweepPlan; readonly threads: number },
): Promise<BareLoop> {
  const next = new Int32Array(new SharedArrayBuffer(4));
  const encoders = Array.from({ length: threads }, () =>
    startThread(MODULE, { kind: 'encode', next } satisfies LoopRole),
  );
  const aggregators = Array.from({ length: plan.config.stream.partitions }, (_, partition) =>
    startThread(MODULE, { kind: 'aggregate', partition } satisfies LoopRole),
  );
  const committers = Array.from({ length: threads }, () =>
    startThread(MODULE, { kind: 'commit' } satisfies LoopRole),
  );
  const all = [...encoders, ...aggregators, ...committers];
  await Promise.all(all.map(nextMessage));
  const { configSha256 } = plan;

  async function run(runDir: string, withAggregators: boolean) {
    const readers = withAggregators ? aggregators : [];
    const channels = encoders.map(() => readers.map(() => new MessageChannel()));
    Atomics.store(next, 0, 0);
    const start = performance.now();
    const encoded = encoders.map((thread, i) =>
      give(thread, { runDir, configSha256, ports: channels[i]!.map(({ port1 }) => port1) }),
    );
    const aggregated = readers.map((thread, i) =>
      give(thread, { runDir, configSha256, ports: channels.map((ports) => ports[i]!.port2) }),
    );
    await Promise.all(encoded);
    const encodedAt = performance.now();
    await Promise.all(aggregated);
    return { start, encodedAt, aggregatedAt: performance.now() };
  }

  /** Parts of the tables on all threads, as the product writes them. */
  async function commit(runDir: string): Promise<void> {
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
    async encodeOnly() {
      const { start, encodedAt } = await run(plannedRun, false);
      const encoding = (encodedAt - start) / 1000;
      return { encoding, aggregating: 0, committing: 0, total: encoding };
    },
    async wholeRun(runDir) {
      await rm(runDir, { recursive: true, force: true });
      await mkdir(runDir, { recursive: true });
      await cp(join(plannedRun, PLAN_FILE), join(runDir, PLAN_FILE));
      const { start, encodedAt, aggregatedAt } = await run(runDir, true);
      await commit(runDir);
      const end = performance.now();
      return {
        encoding: (encodedAt - start) / 1000,
        aggregating: (aggregatedAt - encodedAt) / 1000,
        committing: (end - aggregatedAt) / 1000,
        total: (end - start) / 1000,
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((thread) => thread.terminate()));
    },
  };
}

function give(thread: Worker, job: LoopJob): Promise<unknown> {
  return ask(thread, job, job.ports);
}
