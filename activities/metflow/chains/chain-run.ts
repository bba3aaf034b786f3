// A group of chains on its way: warm-up with adaptation, then recorded draws, segment after segment. A segment is a
// function of the state at its start, so a chain that goes on from a checkpoint gives the bytes it would have given.

import { fillNormals } from '../../numeric/philox-address.ts';
import { cycle } from '../composition.ts';
import { addStep, emptyHealth, type HealthSums } from '../diagnostics/kernel-health.ts';
import { initState, type ChainState, type Kernel, type StepInfo } from '../kernel.ts';
import { learn, type WarmUpState } from '../warm-up.ts';
import { DrawRecorder, type DrawRows } from './draw-recorder.ts';
import { START, sweepAt, type Place } from './place.ts';
import { beginAdaptation, type Sampler } from './sampler.ts';

/** Everything that the next segment needs; what a checkpoint holds. */
export interface ChainRun {
  readonly place: Place;
  readonly chains: ChainState;
  /** One per kernel of the sampler. */
  readonly adaptations: readonly WarmUpState[];
  /** One per kernel step of a sweep, over recorded sweeps; empty before the first. */
  readonly health: readonly NamedHealth[];
}

/** Sums of a kernel step, with the kernel's name. */
export interface NamedHealth {
  readonly kernel: string;
  readonly sums: HealthSums;
}

export interface SegmentOptions {
  readonly to: Place;
  readonly signal: AbortSignal;
  /** Told after each draw, or sweep of the warm-up. */
  readonly onPlace?: (place: Place) => void;
}

/**
 * Starts the chains of a group.
 * @throws PipelineError `non-finite-input` naming a chain that starts where the target has no density.
 */
export async function beginChains(sampler: Sampler, signal: AbortSignal): Promise<ChainRun> {
  const { target, seed, chains, start } = sampler;
  const { dim } = target;
  const normals = fillNormals(new Float64Array(chains.length * dim), chains, {
    seed,
    step: 0,
    purpose: 'init',
  });
  const z = normals.map((value, at) => start.mean[at % dim]! + start.scale[at % dim]! * value);
  const state = await initState(target, z, { seed, chains, signal });
  const adaptations: WarmUpState[] = [];
  for (const kernel of sampler.kernels)
    adaptations.push(await beginAdaptation(sampler, kernel, { state, signal }));
  return { place: START, chains: state, adaptations, health: [] };
}

/**
 * Runs one segment, all of it warm-up or all of it draws.
 * @returns the chains at its end and its draws, null in the warm-up.
 * @throws the signal's reason, and what the target throws.
 */
export async function runSegment(
  sampler: Sampler,
  run: ChainRun,
  options: SegmentOptions,
): Promise<{ readonly run: ChainRun; readonly draws: DrawRows | null }> {
  if (run.place.warmed < options.to.warmed)
    return { run: await warmSegment(sampler, run, options), draws: null };
  return drawSegment(sampler, run, options);
}

async function warmSegment(
  sampler: Sampler,
  run: ChainRun,
  { to, signal, onPlace }: SegmentOptions,
): Promise<ChainRun> {
  let { place, chains, adaptations } = run;
  while (place.warmed < to.warmed) {
    const kernels = sampler.kernels.map((kernel, i) => kernel.build(adaptations[i]!.scales));
    const step = sweepAt(place, sampler.thin);
    const next: WarmUpState[] = [];
    let part = 0;
    for (const [i, kernel] of kernels.entries()) {
      signal.throwIfAborted();
      const address = { seed: sampler.seed, step, part, chains: sampler.chains };
      const done = await kernel.step(address, chains, { signal });
      part += kernel.parts;
      chains = done.state;
      const before = adaptations[i]!;
      // A kernel with nothing to learn has an adaptation of no steps.
      const learns = before.step < before.steps;
      next.push(learns ? learn(before, chains.z, done.info[0]!.acceptance) : before);
    }
    adaptations = next;
    place = { ...place, warmed: place.warmed + 1 };
    onPlace?.(place);
  }
  return { ...run, place, chains, adaptations };
}

async function drawSegment(
  sampler: Sampler,
  run: ChainRun,
  { to, signal, onPlace }: SegmentOptions,
): Promise<{ readonly run: ChainRun; readonly draws: DrawRows }> {
  const { seed, thin, chains: numbers, target } = sampler;
  const kernel: Kernel = cycle(sampler.kernels.map((each, i) => each.build(run.adaptations[i]!.scales)));
  let { place, chains, health } = run;
  const recorder = new DrawRecorder({ numbers, dim: target.dim, from: place.drawn, to: to.drawn });
  while (place.drawn < to.drawn) {
    const before = chains.z;
    const infos: (readonly StepInfo[])[] = [];
    for (let sweep = 0; sweep < thin; sweep++) {
      signal.throwIfAborted();
      const address = { seed, step: sweepAt(place, thin) + sweep, chains: numbers };
      const done = await kernel.step(address, chains, { signal });
      chains = done.state;
      infos.push(done.info);
      health = addInfos(health, done.info);
    }
    recorder.add({ before, after: chains, infos: infos.flat() });
    place = { ...place, drawn: place.drawn + 1 };
    onPlace?.(place);
  }
  return { run: { ...run, place, chains, health }, draws: recorder.rows() };
}

function addInfos(health: readonly NamedHealth[], infos: readonly StepInfo[]): NamedHealth[] {
  return infos.map((info, i) => ({
    kernel: info.kernel,
    sums: addStep(health[i]?.sums ?? emptyHealth(info.accepted.length), info),
  }));
}
