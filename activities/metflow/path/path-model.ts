// A path of kernels as one variational family: where it starts, which kernels follow, which parameters they have.

import { PipelineError } from '#schemas/errors.ts';
import {
  add,
  broadcast,
  div,
  exp,
  filled,
  log,
  mul,
  softplus,
  sub,
  sum,
  type JaxArray,
} from '../../numeric/array-math.ts';
import type { AcceptRule } from '../acceptance.ts';
import {
  constantInit,
  prefixed,
  underPrefix,
  type FloatArray,
  type ParameterSpec,
  type Parameters,
} from '../parameters.ts';
import { logNormal, type PathKernel } from './path-kernel.ts';
import { reverseParameters, type ReverseLaw } from './reverse.ts';
import type { BoundKernel, DirectionLaw } from './run-path.ts';

/**
 * Where innovations come from: none; `fixed`, one vector per step drawn once with the model; `free`, drawn anew for
 * every row and step.
 */
export type Conditioning = 'none' | 'fixed' | 'free';

/**
 * What a learned law and the flows are parametrised in. `initial-scale`, units of the scale that the law starts from: Adam
 * moves a parameter by its rate at most, and a law in the target's own units takes as many updates more as these are
 * larger. `target`, those own units, is for what release 0.1.0 trained; its law has the scale softplus(s).
 */
export type ParameterUnits = 'initial-scale' | 'target';

/** Parameter of a learned initial law: its mean `[dim]`, in the law's units. */
export const MEAN = 'initial.mean';
/** Parameter of a learned initial law: log(scale / starting scale) `[dim]`, or in the target's units log(exp(scale) - 1). */
export const SCALE = 'initial.scale';

/** The Gaussian that paths start from, N(mean, scale^2). */
export interface InitialLaw {
  readonly law: 'frozen' | 'learned';
  /** Standard deviation, the starting one where it is learned. @default 1 */
  readonly scale?: number;
  /** @default 'initial-scale' */
  readonly units?: ParameterUnits;
}

export interface PathModelOptions {
  readonly dim: number;
  /** `count` kernels each: with parameters of their own, or sharing theirs and differing in innovation. */
  readonly groups: readonly KernelGroup[];
  readonly initial: InitialLaw;
  readonly reverse: ReverseLaw;
  /** @default 'reversible' */
  readonly directions?: DirectionLaw;
  /** @default 'barker' */
  readonly rule?: AcceptRule;
}

export interface KernelGroup {
  readonly kernel: PathKernel;
  readonly count: number;
  readonly conditioning: Conditioning;
}

/** One kernel of the path: whose parameters it has and where its innovation comes from. */
export interface PathSlot {
  readonly kernel: PathKernel;
  readonly prefix: string;
  readonly innovation: Conditioning;
}

export interface PathModel {
  readonly dim: number;
  readonly slots: readonly PathSlot[];
  readonly parameters: readonly ParameterSpec[];
  readonly initial: Required<InitialLaw>;
  readonly reverse: ReverseLaw;
  readonly directions: DirectionLaw;
  readonly rule: AcceptRule;
  readonly usesMomentum: boolean;
}

/** @throws PipelineError `config-invalid` for no kernels, or options that exclude each other. */
export function pathModel(options: PathModelOptions): PathModel {
  const { dim, groups, reverse, directions = 'reversible', rule = 'barker' } = options;
  const slots = groups.flatMap(slotsOf);
  checkModel(options, slots);
  const { law, scale = 1, units = 'initial-scale' } = options.initial;
  const initial = { law, scale, units };
  const kernelSpecs = new Map(slots.map(({ prefix, kernel }) => [prefix, kernel.parameters]));
  return {
    dim,
    slots,
    parameters: [
      ...(law === 'learned' ? initialSpecs(dim, initial) : []),
      ...[...kernelSpecs].flatMap(([prefix, specs]) => prefixed(prefix, specs)),
      ...prefixed('reverse', reverseParameters(reverse, { dim, steps: slots.length })),
    ],
    initial,
    reverse,
    directions,
    rule,
    usesMomentum: slots.some(({ kernel }) => kernel.usesMomentum),
  };
}

/** The kernels in order, each with its parameters. */
export function boundKernels({ slots }: PathModel, parameters: Parameters): BoundKernel[] {
  const shared = new Map(slots.map(({ prefix }) => [prefix, underPrefix(parameters, prefix)]));
  return slots.map(({ kernel, prefix }) => ({ kernel, parameters: shared.get(prefix)! }));
}

/** Mean and standard deviation of the initial law, `[dim]` each. */
export function initialMoments(
  { dim, initial }: PathModel,
  parameters: Parameters,
  like: JaxArray,
): { readonly mean: JaxArray; readonly scale: JaxArray } {
  if (initial.law === 'frozen') {
    return { mean: filled(0, [dim], like), scale: filled(initial.scale, [dim], like) };
  }
  const { [MEAN]: mean, [SCALE]: scale } = parameters;
  if (initial.units === 'target') return { mean: mean!, scale: softplus(scale!) };
  return { mean: mul(mean!, initial.scale), scale: mul(exp(scale!), initial.scale) };
}

/** The same as numbers, of a whole vector of parameters: the law's come first in it. */
export function initialMomentsOf(
  { dim, initial }: PathModel,
  theta: FloatArray,
): { readonly mean: Float64Array; readonly scale: Float64Array } {
  const learned = initial.law === 'learned';
  const values = learned ? Float64Array.from(theta.subarray(0, 2 * dim)) : new Float64Array(2 * dim);
  const [mean, scale] = [values.subarray(0, dim), values.subarray(dim)];
  if (learned && initial.units === 'target')
    return { mean, scale: scale.map((value) => Math.log1p(Math.exp(value))) };
  return {
    mean: mean.map((value) => value * initial.scale),
    scale: scale.map((value) => Math.exp(value) * initial.scale),
  };
}

/** z0 of standard normals, and its log density there, `[rows]`. */
export function startOf(
  model: PathModel,
  parameters: Parameters,
  normals: JaxArray,
): { readonly z: JaxArray; readonly logDensity: JaxArray } {
  const { mean, scale } = initialMoments(model, parameters, normals);
  return { z: add(mean, mul(scale, normals)), logDensity: sub(logNormal(normals), sum(log(scale))) };
}

/** Log density of the initial law at any rows. */
export function logInitial(model: PathModel, parameters: Parameters, z: JaxArray): JaxArray {
  const { mean, scale } = initialMoments(model, parameters, z);
  return sub(logNormal(div(sub(z, mean), scale)), broadcast(sum(log(scale)), [z.shape[0]!]));
}

function slotsOf({ kernel, count, conditioning }: KernelGroup, group: number): PathSlot[] {
  const shared = conditioning !== 'none' && kernel.name === 'metflow';
  return Array.from({ length: count }, (_, place) => ({
    kernel,
    prefix: shared ? `group${group}` : `group${group}step${place}`,
    // Local kernels have no map without their innovation: for them it is always drawn.
    innovation: kernel.name === 'metflow' ? conditioning : 'free',
  }));
}

function initialSpecs(dim: number, { scale, units }: Required<InitialLaw>): ParameterSpec[] {
  const start = units === 'target' ? Math.log(Math.expm1(scale)) : 0;
  return [
    { name: MEAN, dims: [dim], initial: constantInit(0) },
    { name: SCALE, dims: [dim], initial: constantInit(start) },
  ];
}

function checkModel(options: PathModelOptions, slots: readonly PathSlot[]): void {
  const fail = (what: string, value: string) => {
    throw new PipelineError({ kind: 'config-invalid', what, where: 'kernels', value });
  };
  if (slots.length === 0 || slots.length > 250)
    fail('a path has from 1 to 250 kernels', String(slots.length));
  for (const { kernel, conditioning, count } of options.groups) {
    if (!Number.isInteger(count) || count < 1) fail('a group has at least one kernel', String(count));
    if (kernel.name === 'metflow' && kernel.usesInnovation !== (conditioning !== 'none')) {
      fail('a flow takes innovation exactly where its conditioning is fixed or free', conditioning);
    }
  }
  const scale = options.initial.scale ?? 1;
  if (!(scale > 0 && Number.isFinite(scale)))
    fail('the initial scale is a finite number above 0', String(scale));
  const learned = slots.some(({ kernel }) => kernel.directionLogit !== undefined);
  if (learned && options.directions === 'lifted')
    fail('lifted directions are equally probable and are not learned', 'lifted');
  if (options.reverse.law !== 'exact') return;
  const enumerable = !learned && slots.every(({ kernel }) => kernel.retrace !== null);
  if (!enumerable || options.directions === 'lifted' || slots.length > 12) {
    fail(
      'the exact reverse enumerates at most 12 reversible steps of fair directions without momentum',
      String(slots.length),
    );
  }
}
