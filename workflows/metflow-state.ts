// The pure state behind a MetFlow run: how far each group of chains has come, where the run ends, what the progress
// query says, when it is time for another look at the draws.

import type { ChainsReport, KernelRate, RunPhase, RunProgress } from '../schemas/messages.ts';
import type { DiagnoseOutput, MetflowPlanOutput } from '../schemas/tasks.ts';

/** A look costs as much as there are draws, so the next one waits until there are half as many more. */
const LOOK_GROWTH = 1.5;
/** R-hat and effective sizes of fewer draws say nothing. */
const FEWEST_DRAWS = 20;

export class MetflowState {
  phase: RunPhase = 'planning';
  paused = false;
  plan: MetflowPlanOutput | null = null;
  readonly startedAtMs: number;
  /** Draws asked for beyond those that the plan has. */
  extraDraws = 0;
  readonly #runId: string;
  readonly #groups = new Map<number, ChainsReport>();
  readonly #notices = new Set<string>();
  #trained = 0;
  #trainingEnded = false;
  #trainingRestarts = 0;
  #endedRestarts = 0;
  #look: DiagnoseOutput | null = null;
  #looking = false;

  constructor({ runId, startedAtMs }: { readonly runId: string; readonly startedAtMs: number }) {
    this.#runId = runId;
    this.startedAtMs = startedAtMs;
  }

  /** Takes in a plan, also one that was made again after an extension or a loss. */
  planned(plan: MetflowPlanOutput): void {
    this.plan = plan;
    this.#trained = plan.training?.trained ?? 0;
    this.#trainingEnded = plan.training?.ended ?? true;
    for (const notice of plan.notices) this.#notices.add(notice);
    this.#endedRestarts = this.restarts - this.#trainingRestarts;
    this.#groups.clear();
    for (const [group, drawn] of plan.drawn.entries())
      this.#groups.set(group, { group, drawn, restarts: 0, kernels: [], notices: [] });
  }

  /** Whether the training is yet to come or to be gone on with. */
  get trains(): boolean {
    return this.plan !== null && !this.#trainingEnded;
  }

  trained(output: {
    readonly done: boolean;
    readonly step: number;
    readonly attempt: number;
    readonly notices: readonly string[];
  }): void {
    this.#trained = output.step;
    this.#trainingEnded = output.done;
    this.#trainingRestarts += output.attempt - 1;
    for (const notice of output.notices) this.#notices.add(notice);
  }

  reported(report: ChainsReport): void {
    const before = this.#groups.get(report.group);
    // A report that was overtaken by a later one.
    if (before !== undefined && before.drawn > report.drawn) return;
    this.#groups.set(report.group, report);
    for (const notice of report.notices) this.#notices.add(notice);
  }

  extend(draws: number): void {
    if (Number.isInteger(draws) && draws > 0) this.extraDraws += draws;
  }

  /** Draws of each chain to plan for now; asking for them takes the extension in. */
  takeDraws(draws: number): number {
    const target = draws + this.extraDraws;
    this.extraDraws = 0;
    return target;
  }

  /** Whether there is enough new for a look at the draws; true at most once until {@link lookEnded}. */
  wantsLook(): boolean {
    const least = Math.min(...[...this.#groups.values()].map(({ drawn }) => drawn));
    const enough = least >= Math.max(FEWEST_DRAWS, LOOK_GROWTH * (this.#look?.draws ?? 0));
    if (this.#looking || !enough) return false;
    this.#looking = true;
    return true;
  }

  looked(output: DiagnoseOutput): void {
    if (output.draws > 0) this.#look = output;
  }

  lookEnded(): void {
    this.#looking = false;
  }

  get restarts(): number {
    const running = [...this.#groups.values()].reduce((sum, { restarts }) => sum + restarts, 0);
    return this.#endedRestarts + this.#trainingRestarts + running;
  }

  get notices(): readonly string[] {
    return [...this.#notices];
  }

  progress(): RunProgress {
    return {
      runId: this.#runId,
      phase: this.phase,
      paused: this.paused,
      ...this.#counts(),
      restarts: this.restarts,
      startedAtMs: this.startedAtMs,
      notices: this.notices,
      ...this.#chains(),
    };
  }

  #counts(): Pick<RunProgress, 'unit' | 'samples' | 'points' | 'doneSamples'> {
    const { plan } = this;
    if (plan === null) return { unit: 'draws', samples: 0, points: 0, doneSamples: 0 };
    if (this.phase === 'training') {
      const steps = plan.training?.steps ?? 0;
      return { unit: 'updates', samples: steps, points: steps, doneSamples: this.#trained };
    }
    const all = plan.draws * plan.chains.reduce((sum, chains) => sum + chains, 0);
    const done = plan.chains.reduce((sum, chains, group) => sum + chains * this.#groups.get(group)!.drawn, 0);
    return { unit: 'draws', samples: all, points: all, doneSamples: done };
  }

  #chains(): Pick<RunProgress, 'chains'> {
    const kernels = mergedRates([...this.#groups.values()].map((report) => report.kernels));
    if (kernels.length === 0) return {};
    const { rHat = null, essBulk = null, essTail = null, draws = 0 } = this.#look ?? {};
    return { chains: { kernels, rHat, essBulk, essTail, lookedAt: draws } };
  }
}

/** Rates of the same kernels over several groups, weighted by their steps. */
export function mergedRates(groups: readonly (readonly KernelRate[])[]): KernelRate[] {
  const filled = groups.filter(({ length }) => length > 0);
  const [first = []] = filled;
  return first.map(({ kernel }, place) => {
    const same = filled.map((rates) => rates[place]!);
    const steps = same.reduce((sum, rate) => sum + rate.steps, 0);
    const accepted = same.reduce((sum, rate) => sum + rate.steps * rate.acceptance, 0);
    return { kernel, steps, acceptance: accepted / steps };
  });
}
