// Kernels as a config names them: the path that is trained, the flows of it that sample, and the local kernels.

import {
  type FlowKernelConfig,
  isUsed,
  type LocalKernelConfig,
  type MetflowConfig,
} from '#schemas/metflow-config.ts';
import { PipelineError } from '#schemas/errors.ts';
import { buildHitAndRun } from '../hit-and-run.ts';
import { buildFlow } from '../flow-options.ts';
import { inUnits } from '../flows/in-units.ts';
import { buildHmc } from '../hmc.ts';
import type { Target } from '../kernel.ts';
import { buildMala } from '../mala.ts';
import { buildNuts } from '../nuts.ts';
import type { Trees } from '../nuts-arrays.ts';
import { parameterCount, type FloatArray } from '../parameters.ts';
import { flowKernel } from '../path/flow-kernel.ts';
import { hamiltonianKernel } from '../path/hamiltonian-kernel.ts';
import { langevinKernel } from '../path/langevin-kernel.ts';
import {
  pathModel,
  type InitialLaw,
  type KernelGroup,
  type ParameterUnits,
  type PathModel,
} from '../path/path-model.ts';
import { randomWalkKernel } from '../path/random-walk-kernel.ts';
import { buildRandomWalk } from '../random-walk.ts';
import { buildReflective } from '../reflective.ts';
import type { SweepKernel } from './sampler.ts';

/** A trained local kernel starts from this step size where none is given. */
const FIRST_TRAINED_STEP = 0.1;

/**
 * The path of a run's training; null where nothing is trained. Flows come first, so their parameters keep their names.
 * @param units - of the parameters, as the training began with them.
 */
export function trainedPath(
  config: MetflowConfig,
  dim: number,
  { units = 'initial-scale' }: { readonly units?: ParameterUnits | undefined } = {},
): PathModel | null {
  const { kernels, train, directions } = config;
  const trained = kernels.filter((each) => isUsed(each, 'train'));
  const initial = { law: train.initial, scale: train.initialScale, units };
  const flows = trained
    .filter((each) => each.type === 'metflow')
    .map((each) => flowGroup(each, { dim, unit: unitOf(initial) }));
  const local = trained.flatMap((each) => (each.type === 'metflow' ? [] : [localGroup(each, dim)]));
  if (flows.length + local.length === 0) return null;
  return pathModel({
    dim,
    groups: [...flows, ...local],
    initial,
    reverse: { law: train.reverse },
    rule: train.accept,
    directions,
  });
}

/** The flows that sample, and which of the trained parameters are theirs; null where no flow does. */
export function samplingFlows(
  config: MetflowConfig,
  { path, theta }: { readonly path: PathModel; readonly theta: FloatArray },
): { readonly model: PathModel; readonly theta: FloatArray } | null {
  const flows = config.kernels.filter((each) => each.type === 'metflow');
  if (!flows.some((each) => isUsed(each, 'sample'))) return null;
  if (flows.some((each) => !isUsed(each, 'sample'))) {
    throw new PipelineError({
      kind: 'config-invalid',
      where: 'kernels',
      what: 'either all flows sample or none does',
      remedy: 'Give every flow the same use.',
    });
  }
  const { initial, rule, directions } = path;
  const groups = flows.map((each) => flowGroup(each, { dim: path.dim, unit: unitOf(initial) }));
  const reverse = { law: 'uniform' } as const;
  const model = pathModel({ dim: path.dim, groups, initial, reverse, rule, directions });
  return { model, theta: parametersOf(model, { path, theta }) };
}

/**
 * Local kernels of the sampler in the config's order.
 * @param trained - path and parameters of a training: kernels that took part in it sample with what they learned.
 */
export function localSweep(
  config: MetflowConfig,
  target: Target,
  trained: { readonly path: PathModel; readonly theta: FloatArray } | null = null,
): SweepKernel[] {
  const { kernels, sample } = config;
  const options = { target, rule: sample.accept };
  const local = kernels.filter((each): each is LocalKernelConfig => each.type !== 'metflow');
  // As trainedPath has it: flows first, then local kernels, a group each.
  const groups = [...kernels.filter(({ type }) => type === 'metflow'), ...local].filter((each) =>
    isUsed(each, 'train'),
  );
  return local.flatMap((each) => {
    if (!isUsed(each, 'sample')) return [];
    const count = 'count' in each ? each.count : 1;
    const group = groups.indexOf(each);
    if (group === -1 || trained === null) return Array<SweepKernel>(count).fill(localKernel(each, options));
    return Array.from({ length: count }, (_, place) =>
      trainedKernel(each, { ...options, learned: learnedAt(trained, `group${group}step${place}`) }),
    );
  });
}

function unitOf({ scale, units }: Required<InitialLaw>): number {
  return units === 'target' ? 1 : scale;
}

/** @param unit - length that the flow's nets and shifts take as 1. */
function flowGroup(
  config: FlowKernelConfig,
  { dim, unit }: { readonly dim: number; readonly unit: number },
): KernelGroup {
  const { count, conditioning, aggregation, bound, forward, ...map } = config;
  const takes = conditioning === 'none' ? null : aggregation;
  const built = buildFlow({ ...map, dim, aggregation: takes, bound: bound / unit });
  return { count, conditioning, kernel: flowKernel(inUnits(built, unit), forward) };
}

function localGroup(config: LocalKernelConfig, dim: number): KernelGroup {
  const stepSize = ('stepSize' in config ? config.stepSize : undefined) ?? FIRST_TRAINED_STEP;
  switch (config.type) {
    case 'rwm':
      return { count: config.count, conditioning: 'free', kernel: randomWalkKernel({ dim, stepSize }) };
    case 'hmc': {
      const { steps, kept } = config;
      const kernel = hamiltonianKernel({ dim, stepSize, steps, ...(kept === 0 ? {} : { kept }) });
      return { count: config.count, conditioning: 'free', kernel };
    }
    case 'mala':
      return { count: config.count, conditioning: 'free', kernel: langevinKernel({ dim, stepSize }) };
    case 'nuts':
    case 'hit_and_run':
    case 'reflective':
      throw new PipelineError({
        kind: 'config-invalid',
        where: 'kernels',
        what: `a kernel of type ${config.type} is not trained`,
        remedy: 'Give it use: sample, or train metflow, hmc, mala or rwm.',
      });
  }
}

/** A local kernel that learns its step sizes in the warm-up, or has the given one. */
export function localKernel(
  config: LocalKernelConfig,
  { target, rule }: { readonly target: Target; readonly rule: MetflowConfig['sample']['accept'] },
): SweepKernel {
  switch (config.type) {
    case 'rwm':
      // 2.38 / sqrt(dim) is best for Gaussians of unit variance (Gelman, Roberts and Gilks, 1996).
      return {
        scales: scalesOf(config, { targetAcceptance: 0.234, first: 2.38 / Math.sqrt(target.dim) }),
        build: (scales) => buildRandomWalk(target, { scales, rule }),
      };
    case 'mala':
      return {
        scales: scalesOf(config, { targetAcceptance: 0.574, first: 'half-square' }),
        build: (scales) => buildMala(target, { scales, rule }),
      };
    case 'hmc':
      return {
        scales: scalesOf(config, { targetAcceptance: 0.8, first: 'leapfrog' }),
        build: (scales) => buildHmc(target, { scales, rule, steps: config.steps, kept: config.kept }),
      };
    case 'nuts': {
      const pool: Trees[] = [];
      return {
        scales: scalesOf(config, { targetAcceptance: 0.8, first: 'leapfrog' }),
        build: (scales) => buildNuts(target, { scales, maxDepth: config.maxDepth, pool }),
      };
    }
    case 'hit_and_run':
      return { scales: { kind: 'none' }, build: () => buildHitAndRun(target, config) };
    case 'reflective':
      return { scales: { kind: 'none' }, build: () => buildReflective(target, config) };
  }
}

function scalesOf(
  { stepSize }: Extract<LocalKernelConfig, { stepSize?: number | undefined }>,
  adapted: Omit<Extract<SweepKernel['scales'], { kind: 'adapted' }>, 'kind'>,
): SweepKernel['scales'] {
  return stepSize === undefined ? { kind: 'adapted', ...adapted } : { kind: 'fixed', stepSize };
}

/** What a trained local kernel learned. */
interface Learned {
  /** `[dim]`, its step in each direction. */
  readonly logStep: FloatArray;
  /** HMC: logit of the share of the momentum that it keeps. */
  readonly keptLogit: number | null;
}

/** A kernel that samples with the step sizes, and the share kept, that it was trained with. */
function trainedKernel(
  config: LocalKernelConfig,
  options: {
    readonly target: Target;
    readonly rule: MetflowConfig['sample']['accept'];
    readonly learned: Learned;
  },
): SweepKernel {
  const { logStep, keptLogit } = options.learned;
  const kept = keptLogit === null ? {} : { kept: 1 / (1 + Math.exp(-keptLogit)) };
  const { build } = localKernel({ ...config, ...kept } as LocalKernelConfig, options);
  // Unit step size: a direction's own lies in its variance, which MALA's step is proportional to, the others' root.
  const power = config.type === 'mala' ? 1 : 2;
  const variance = Float64Array.from(logStep, (value) => Math.exp(power * value));
  return { scales: { kind: 'trained', variance }, build };
}

function learnedAt(
  trained: { readonly path: PathModel; readonly theta: FloatArray },
  prefix: string,
): Learned {
  const places = placesOf(trained);
  const keptLogit = places.get(`${prefix}.keptLogit`)?.[0] ?? null;
  return { logStep: places.get(`${prefix}.logStep`)!, keptLogit };
}

/** The parts of a vector of parameters by their names; they share its memory. */
export function placesOf({
  path,
  theta,
}: {
  readonly path: PathModel;
  readonly theta: FloatArray;
}): ReadonlyMap<string, FloatArray> {
  const places = new Map<string, FloatArray>();
  let at = 0;
  for (const spec of path.parameters) {
    const size = parameterCount([spec]);
    places.set(spec.name, theta.subarray(at, at + size) as FloatArray);
    at += size;
  }
  return places;
}

/** Parameters by name: both models name a flow's alike, since flows come first in the path. */
function parametersOf(
  model: PathModel,
  { path, theta }: { readonly path: PathModel; readonly theta: FloatArray },
): FloatArray {
  const places = placesOf({ path, theta });
  const own = theta.slice(0, parameterCount(model.parameters)) as FloatArray;
  let at = 0;
  for (const { name } of model.parameters) {
    const values = places.get(name)!;
    own.set(values, at);
    at += values.length;
  }
  return own;
}
