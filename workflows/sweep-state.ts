// A sweep's state: tasks are stretches of shards.

import type { EncodeTask, RunProgress, SweepCarried } from '../schemas/messages.ts';
import type { Attempted, EncodeOutput, PlanOutput } from '../schemas/tasks.ts';
import { LIMITS } from '../temporal.config.ts';
import { RunState, type StateOptions } from './run-state.ts';

export class SweepState extends RunState<EncodeTask, EncodeOutput, PlanOutput> {
  readonly phases = { working: 'encoding', collecting: 'aggregating' } as const;
  readonly skipped: { shard: number; why: string }[] = [];

  constructor(options: StateOptions<SweepCarried>) {
    super(options);
    this.skipped.push(...(options.carried?.skipped ?? []));
  }

  planned(plan: PlanOutput): void {
    this.plan = plan;
    this.phase = 'encoding';
    this.doneSamples = Math.max(this.doneSamples, plan.alreadySamples);
  }

  protected taskOf(task: number): EncodeTask {
    const boundary = (i: number) => this.#firstShard(i);
    return { task, from: { shard: boundary(task), batch: 0 }, toShard: boundary(task + 1) };
  }

  /** Smaller tasks towards the end, so that few are enough for workers to end together; none is empty. */
  #firstShard(task: number): number {
    const { shards, tapered } = this.plan!;
    const part = task / this.tasks;
    if (tapered !== true) return Math.floor(shards * part);
    return task + Math.floor((shards - this.tasks) * (1 - (1 - part) ** 1.5));
  }

  protected get tasks(): number {
    const { shards, tapered } = this.plan!;
    const least = tapered === true ? LIMITS.tasksPerRun : LIMITS.evenTasksPerRun;
    return Math.min(shards, Math.max(least, Math.ceil(shards / LIMITS.shardsPerTask)));
  }

  protected get taskName(): 'shards' | 'shard groups' {
    return this.tasks === this.plan!.shards ? 'shards' : 'shard groups';
  }

  completed(task: EncodeTask, output: EncodeOutput & Attempted): void {
    this.restarts += output.attempt - 1;
    this.doneSamples += output.samples;
    this.skipped.push(...output.skipped);
    if (output.from.shard < task.toShard) this.open.push({ ...task, from: output.from });
    else this.finished++;
  }

  reopen(shards: readonly number[]): void {
    for (const shard of shards)
      this.open.push({ task: -1, from: { shard, batch: 0 }, toShard: shard + 1, again: true });
  }

  override carry(): SweepCarried {
    return { ...super.carry(), skipped: [...this.skipped] };
  }

  protected get size(): Pick<RunProgress, 'unit' | 'samples' | 'points'> {
    return { unit: 'rows', samples: this.plan?.samples ?? 0, points: this.plan?.points ?? 0 };
  }
}
