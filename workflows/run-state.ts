// The pure state behind every run: which tasks are open, what is done, what the progress query says.

import type { RunCarried, RunPhase, RunProgress, TaskProgress } from '../schemas/messages.ts';
import type { Attempted } from '../schemas/tasks.ts';
import { LIMITS } from '../temporal.config.ts';

/** What the pipeline needs of any plan. */
export interface PipelinePlan {
  readonly partitions: number;
  readonly notices: readonly string[];
}

export interface StateOptions<Carried> {
  readonly runId: string;
  readonly startedAtMs: number;
  readonly carried: Carried | undefined;
}

/** Subclasses know what a task is and what it answers. */
export abstract class RunState<Task, Output, Plan extends PipelinePlan> {
  phase: RunPhase = 'planning';
  paused = false;
  plan: Plan | null = null;
  doneSamples = 0;
  restarts = 0;
  /** Finished tasks of this execution: what continue-as-new is decided on. */
  finished = 0;
  nextTask = 0;
  /** Tasks that were handed back, to be taken before new ones. */
  readonly open: Task[] = [];
  /** Set by the window under way: pausing stops it. */
  onPause: () => void = () => undefined;
  readonly startedAtMs: number;
  readonly #runId: string;

  constructor({ runId, startedAtMs, carried }: StateOptions<RunCarried<Task>>) {
    this.#runId = runId;
    this.startedAtMs = carried?.startedAtMs ?? startedAtMs;
    if (carried === undefined) return;
    this.nextTask = carried.nextTask;
    this.doneSamples = carried.doneSamples;
    this.restarts = carried.restarts;
    this.paused = carried.paused;
    this.open.push(...carried.open);
  }

  /** Names of the phases in which tasks run, and in which only what they sent is still collected. */
  abstract readonly phases: { readonly working: RunPhase; readonly collecting: RunPhase };

  /** Takes in the plan; what an earlier execution already delivered counts as done. */
  abstract planned(plan: Plan): void;

  /** Number of tasks of the plan. */
  protected abstract get tasks(): number;

  /** What a task is called, in the plural. */
  protected abstract get taskName(): TaskProgress['name'];

  /** The task with a number of the plan. */
  protected abstract taskOf(number: number): Task;

  /** Takes in what a task did; an unfinished one is opened again at its place. */
  abstract completed(task: Task, output: Output & Attempted): void;

  /** Opens again what was lost from the log, by shard or task. */
  abstract reopen(lost: readonly number[]): void;

  /** What the progress query says of the plan. */
  protected abstract get size(): Pick<RunProgress, 'unit' | 'samples' | 'points'>;

  /** The next task to start, in plan order, or null when all are started. */
  take(): Task | null {
    const handedBack = this.open.shift();
    if (handedBack !== undefined) return handedBack;
    return this.nextTask < this.tasks ? this.taskOf(this.nextTask++) : null;
  }

  get partitions(): number {
    return this.plan!.partitions;
  }

  /** True when no task is left to be started or gone on with. */
  get allDone(): boolean {
    return this.open.length === 0 && this.nextTask >= this.tasks;
  }

  get historyIsLong(): boolean {
    return this.finished >= LIMITS.tasksPerHistory && !this.allDone;
  }

  pause(): void {
    this.paused = true;
    this.onPause();
  }

  resume(): void {
    this.paused = false;
  }

  carry(): RunCarried<Task> {
    return {
      layoutVersion: 1,
      nextTask: this.nextTask,
      doneSamples: this.doneSamples,
      restarts: this.restarts,
      paused: this.paused,
      open: [...this.open],
      startedAtMs: this.startedAtMs,
    };
  }

  progress(): RunProgress {
    return {
      runId: this.#runId,
      phase: this.phase,
      paused: this.paused,
      ...this.size,
      doneSamples: this.doneSamples,
      restarts: this.restarts,
      startedAtMs: this.startedAtMs,
      notices: this.plan?.notices ?? [],
      ...this.#tasks(),
    };
  }

  #tasks(): Pick<RunProgress, 'tasks'> {
    if (this.plan === null) return {};
    const { tasks: total, taskName: name, open, nextTask } = this;
    // What was lost from the log is worked on again, beyond the plan.
    const waiting = Math.min(total, open.length + total - nextTask);
    return { tasks: { name, total, waiting } };
  }
}
