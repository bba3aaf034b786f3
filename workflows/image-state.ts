// The pure state behind a run about images: how far each task has come, what the progress query says.

import type { RunPhase, RunProgress } from '../schemas/messages.ts';
import type { Attempted, ImagesPlanOutput, ImageTaskOutput } from '../schemas/tasks.ts';

export class ImageState {
  phase: RunPhase = 'planning';
  paused = false;
  restarts = 0;
  readonly startedAtMs: number;
  readonly #runId: string;
  readonly #notices = new Set<string>();
  #plan: ImagesPlanOutput | null = null;
  #units: number[] = [];
  #ended: boolean[] = [];

  constructor({ runId, startedAtMs }: { readonly runId: string; readonly startedAtMs: number }) {
    this.#runId = runId;
    this.startedAtMs = startedAtMs;
  }

  planned(plan: ImagesPlanOutput): void {
    this.#plan = plan;
    this.#units = plan.tasks.map(({ done }) => done);
    this.#ended = plan.tasks.map(({ units, done }) => done >= units);
    for (const notice of plan.notices) this.#notices.add(notice);
  }

  /** Takes in where a task stands. */
  worked(task: number, { done, units, notices, attempt }: ImageTaskOutput & Attempted): void {
    this.#units[task] = units;
    this.#ended[task] = done;
    this.restarts += attempt - 1;
    for (const notice of notices) this.#notices.add(notice);
  }

  hasEnded(task: number): boolean {
    return this.#ended[task]!;
  }

  get tasks(): readonly number[] {
    return this.#units.map((_, task) => task);
  }

  get notices(): readonly string[] {
    return [...this.#notices];
  }

  progress(): RunProgress {
    const all = (this.#plan?.tasks ?? []).reduce((sum, { units }) => sum + units, 0);
    return {
      runId: this.#runId,
      phase: this.phase,
      paused: this.paused,
      unit: this.#plan?.unit ?? 'units',
      samples: all,
      points: all,
      doneSamples: this.#units.reduce((sum, units) => sum + units, 0),
      restarts: this.restarts,
      startedAtMs: this.startedAtMs,
      notices: this.notices,
    };
  }
}
