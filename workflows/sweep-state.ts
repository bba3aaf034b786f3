// The pure state behind a sweep: which tasks are open, what is done, what the progress query says.

import type { EncodeTask, SweepCarried, RunPhase, RunProgress } from '../schemas/messages.ts';
import type { Attempted, EncodeOutput, PlanOutput } from '../schemas/tasks.ts';
import { LIMITS } from '../temporal.config.ts';

export class SweepState {
  phase: RunPhase = 'planning';
  paused = false;
  plan: PlanOutput | null = null;
  doneSamples = 0;
  restarts = 0;
  /** Finished tasks of this execution: what continue-as-new is decided on. */
  finished = 0;
  nextTask = 0;
  /** Tasks that were handed back, to be taken before new ones. */
  readonly open: EncodeTask[] = [];
  readonly skipped: { shard: number; why: string }[] = [];
  /** Set by the window under way: pausing stops it. */
  onPause: () => void = () => undefined;
  readonly startedAtMs: number;
  readonly #runId: string;

  constructor({
    runId,
    startedAtMs,
    carried,
  }: { runId: string; startedAtMs: number; carried: SweepCarried | undefined }) {
    this.#runId = runId;
    this.startedAtMs = carried?.startedAtMs ?? startedAtMs;
    if (carried === undefined) return;
    this.nextTask = carried.nextTask;
    this.doneSamples = carried.doneSamples;
    this.restarts = carried.restarts;
    this.paused = carried.paused;
    this.open.push(...carried.open);
    this.skipped.push(...carried.skipped);
  }

  planned(plan: PlanOutput): void {
    this.plan = plan;
    this.phase = 'encoding';
    this.doneSamples = Math.max(this.doneSamples, plan.alreadySamples);
  }

  /** The next task to start, in plan order, or null when all are started. */
  take(): EncodeTask | null {
    const handedBack = this.open.shift();
    if (handedBack !== undefined) return handedBack;
    const { shards } = this.plan!;
    const tasks = this.#tasks;
    if (this.nextTask >= tasks) return null;
    const task = this.nextTask++;
    const boundary = (i: number) => Math.floor((shards * i) / tasks);
    return { task, from: { shard: boundary(task), batch: 0 }, toShard: boundary(task + 1) };
  }

  get #tasks(): number {
    const { shards } = this.plan!;
    return Math.min(shards, Math.max(LIMITS.tasksPerRun, Math.ceil(shards / LIMITS.shardsPerTask)));
  }

  get partitions(): number {
    return this.plan!.partitions;
  }

  get allEncoded(): boolean {
    return this.open.length === 0 && this.nextTask >= this.#tasks;
  }

  get historyIsLong(): boolean {
    return this.finished >= LIMITS.tasksPerHistory && !this.allEncoded;
  }

  pause(): void {
    this.paused = true;
    this.onPause();
  }

  resume(): void {
    this.paused = false;
  }

  /** Takes in what a task did; an unfinished one is opened again at its place. */
  completed(task: EncodeTask, output: EncodeOutput & Attempted): void {
    this.restarts += output.attempt - 1;
    this.doneSamples += output.samples;
    this.skipped.push(...output.skipped);
    if (output.from.shard < task.toShard) this.open.push({ ...task, from: output.from });
    else this.finished++;
  }

  /** Opens shards again whose messages were lost from the log. */
  reopen(shards: readonly number[]): void {
    for (const shard of shards)
      this.open.push({ task: -1, from: { shard, batch: 0 }, toShard: shard + 1, again: true });
  }

  carry(): SweepCarried {
    return {
      layoutVersion: 1,
      nextTask: this.nextTask,
      doneSamples: this.doneSamples,
      restarts: this.restarts,
      paused: this.paused,
      open: [...this.open],
      skipped: [...this.skipped],
      startedAtMs: this.startedAtMs,
    };
  }

  progress(): RunProgress {
    return {
      runId: this.#runId,
      phase: this.phase,
      paused: this.paused,
      unit: 'rows',
      samples: this.plan?.samples ?? 0,
      points: this.plan?.points ?? 0,
      doneSamples: this.doneSamples,
      restarts: this.restarts,
      startedAtMs: this.startedAtMs,
      notices: this.plan?.notices ?? [],
    };
  }
}
