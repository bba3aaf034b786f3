// An experiment's state: tasks are those of its plan, progress counts its units.

import type { LensWork, RunProgress } from '../schemas/messages.ts';
import type { Attempted, LensPlanOutput, LensTaskOutput } from '../schemas/tasks.ts';
import { RunState } from './run-state.ts';

export class LensState extends RunState<LensWork, LensTaskOutput, LensPlanOutput> {
  readonly phases = { working: 'computing', collecting: 'collecting' } as const;

  planned(plan: LensPlanOutput): void {
    this.plan = plan;
    this.phase = 'computing';
    this.doneSamples = Math.max(this.doneSamples, plan.alreadyUnits);
  }

  protected get tasks(): number {
    return this.plan!.tasks;
  }

  protected get taskName(): 'tasks' {
    return 'tasks';
  }

  protected taskOf(task: number): LensWork {
    return { task, sent: 0 };
  }

  completed(work: LensWork, { attempt, done, units, sent }: LensTaskOutput & Attempted): void {
    this.restarts += attempt - 1;
    if (!done) {
      this.open.push({ ...work, sent });
      return;
    }
    this.finished++;
    // What was lost from the log had been counted before.
    if (work.again !== true) this.doneSamples += units;
  }

  reopen(tasks: readonly number[]): void {
    for (const task of tasks) this.open.push({ task, sent: 0, again: true });
  }

  protected get size(): Pick<RunProgress, 'unit' | 'samples' | 'points'> {
    const units = this.plan?.units ?? 0;
    return { unit: this.plan?.unit ?? 'units', samples: units, points: units };
  }
}
