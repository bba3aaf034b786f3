// MetFlow as a sampler's kernel: all steps of a trained path, one after the other, in one compiled program.

import { PipelineError } from '#schemas/errors.ts';
import {
  concatenate,
  indicator,
  less,
  exp,
  mul,
  square,
  sub,
  sum,
  where,
  type JaxArray,
} from '../numeric/array-math.ts';
import { compileFunction, type ArgumentSpec } from '../numeric/jaxpr-to-onnx.ts';
import type { ProgramRunner, RunningProgram } from '../numeric/onnx-program.ts';
import { fillNormals, fillUniforms } from '../numeric/philox-address.ts';
import type { AcceptRule } from './acceptance.ts';
import type { ChainState, Kernel, StepAddress, StepInfo } from './kernel.ts';
import { parameterCount, toFloats, unpackParameters, type FloatArray, type FloatType } from './parameters.ts';
import { boundKernels, type PathModel } from './path/path-model.ts';
import { fixedInnovation } from './path/path-noise.ts';
import { brokenRows, runPath, type DirectionLaw, type PathStep } from './path/run-path.ts';
import { paddedRows, padRows } from './targets/open-target.ts';
import type { TracedTarget } from './targets/target.ts';

export interface FlowProposalOptions {
  readonly runner: ProgramRunner;
  /** `[parameters]` of the trained model. */
  readonly theta: FloatArray;
  /** Seed of the training, which fixed innovations come from. */
  readonly modelSeed: number;
  /** Chains of every batch. */
  readonly chains: number;
  /** @default 'metropolis' */
  readonly rule?: AcceptRule;
  /** @default 'reversible' */
  readonly directions?: DirectionLaw;
  /** @default 'float64' */
  readonly type?: FloatType;
}

/**
 * A step applies every flow of the model once, in order; info has one entry for each. Chains keep the target whatever
 * the parameters: training decides how well they mix.
 * @throws PipelineError `config-invalid` for a model with kernels other than flows, `shape-mismatch` for parameters
 * of another model.
 */
export async function openFlowProposal(
  model: PathModel,
  target: TracedTarget,
  given: FlowProposalOptions,
): Promise<Kernel & { close(): Promise<void> }> {
  const options = { rule: 'metropolis', directions: 'reversible', type: 'float64', ...given } as const;
  checkModel(model, options.theta);
  const program = await options.runner.open(compileSweep(model, target, options));
  return {
    name: 'metflow',
    parts: model.slots.length,
    step: (address, state, stepOptions) => {
      stepOptions?.signal?.throwIfAborted();
      return sweep(program, { model, options, address, state });
    },
    close: () => program.close(),
  };
}

type Options = Required<FlowProposalOptions>;

async function sweep(
  program: RunningProgram,
  call: { model: PathModel; options: Options; address: StepAddress; state: ChainState },
): Promise<{ readonly state: ChainState; readonly info: readonly StepInfo[] }> {
  const { model, options, address, state } = call;
  const { type, chains, directions } = options;
  if (address.chains.length !== chains) {
    throw new PipelineError({
      kind: 'shape-mismatch',
      what: `this kernel moves ${chains} chains`,
      value: String(address.chains.length),
    });
  }
  const rows = { rows: chains, padded: paddedRows(chains) };
  const padded = (values: Float64Array) => toFloats(padRows(values, rows), type);
  const lifted = directions === 'lifted' ? [padded(Float64Array.from(state.direction))] : [];
  const outputs = (await program.run([
    options.theta,
    padded(state.z),
    padded(state.logDensity),
    ...lifted,
    ...sweepDraws(model, { options, address, padded }),
  ])) as FloatArray[];
  const [z, logDensity, direction, ...perStep] = outputs;
  return {
    state: {
      ...state,
      z: Float64Array.from(z!.subarray(0, chains * model.dim)),
      logDensity: Float64Array.from(logDensity!.subarray(0, chains)),
      gradient: null,
      direction: directions === 'lifted' ? Int8Array.from(direction!.subarray(0, chains)) : state.direction,
    },
    info: model.slots.map((_, k) => infoOf(perStep, { chains, k, padded: rows.padded })),
  };
}

/** Innovations, directions and uniforms of one sweep, in the order of the program's inputs. */
function sweepDraws(
  model: PathModel,
  call: { options: Options; address: StepAddress; padded(values: Float64Array): FloatArray },
): FloatArray[] {
  const { options, address, padded } = call;
  const { type, chains, directions, modelSeed } = options;
  const first = address.part ?? 0;
  return model.slots.flatMap(({ innovation, kernel }, k) => {
    const at = { ...address, part: first + k };
    const both = fillUniforms(new Float64Array(2 * chains), address.chains, { ...at, purpose: 'accept' });
    const accept = padded(Float64Array.from({ length: chains }, (_, c) => both[2 * c]!));
    const fair = kernel.directionLogit === undefined;
    const coin = Float64Array.from({ length: chains }, (_, c) => {
      const drawn = both[2 * c + 1]!;
      return fair ? (drawn < 0.5 ? 1 : -1) : drawn;
    });
    const u =
      innovation === 'free'
        ? fillNormals(new Float64Array(chains * model.dim), address.chains, { ...at, purpose: 'u' })
        : null;
    return [
      ...(innovation === 'none'
        ? []
        : [u === null ? fixedInnovation(model, { seed: modelSeed, k, type }) : padded(u)]),
      ...(directions === 'lifted' ? [] : [padded(coin)]),
      accept,
    ];
  });
}

function infoOf(
  perStep: readonly FloatArray[],
  { chains, k, padded }: { chains: number; k: number; padded: number },
): StepInfo {
  const [accepted, acceptance, logRatio, squaredJump, direction, diverged] = perStep.map((values) =>
    values.subarray(k * padded, k * padded + chains),
  );
  return {
    kernel: `metflow${k}`,
    accepted: Uint8Array.from(accepted!),
    acceptance: Float64Array.from(acceptance!),
    logRatio: Float64Array.from(logRatio!),
    squaredJump: Float64Array.from(squaredJump!),
    direction: Int8Array.from(direction!),
    diverged: Uint8Array.from(diverged!),
    evaluations: new Uint32Array(chains).fill(1),
  };
}

function compileSweep(model: PathModel, target: TracedTarget, options: Options) {
  const { type, rule, directions } = options;
  const chains = paddedRows(options.chains);
  const long = { type, dims: [chains] };
  const specs: ArgumentSpec[] = [
    { name: 'theta', type, dims: [parameterCount(model.parameters)] },
    { name: 'z', type, dims: [chains, model.dim] },
    { name: 'logDensity', ...long },
    ...(directions === 'lifted' ? [{ name: 'direction0', ...long }] : []),
    ...model.slots.flatMap(({ innovation }, k) => [
      ...(innovation === 'none'
        ? []
        : [{ name: `u${k}`, type, dims: [innovation === 'fixed' ? 1 : chains, model.dim] }]),
      ...(directions === 'lifted' ? [] : [{ name: `direction${k}`, ...long }]),
      { name: `accept${k}`, ...long },
    ]),
  ];
  return compileFunction((args) => {
    const kernels = boundKernels(model, unpackParameters(args.theta!, model.parameters));
    const each = (name: string) => model.slots.map((_, k) => args[`${name}${k}`]!);
    const draws = {
      u: each('u').map((u) => u ?? null),
      direction: each('direction'),
      accept: each('accept'),
    };
    const start = { z: args.z!, logDensity: args.logDensity!, momentum: null };
    const density = (z: JaxArray) => target.logDensity(z.ref);
    const steps = runPath(kernels, start, { draws, density, rule, directions });
    const last = steps.at(-1)!;
    return {
      z: last.after.z,
      logDensity: last.after.logDensity,
      direction: turned(last),
      ...reportOf(steps),
    };
  }, specs);
}

/** Where a lifted chain goes on to. */
function turned({ accepted, direction }: PathStep): JaxArray {
  return where(accepted, direction, sub(0, direction));
}

/** `[steps * padded chains]` each, in the order that {@link infoOf} takes them. */
function reportOf(steps: readonly PathStep[]): Record<string, JaxArray> {
  const joined = (of: (step: PathStep) => JaxArray) => concatenate(steps.map(of), 0);
  const indicated = (step: PathStep, condition: JaxArray) => indicator(condition, step.logAccept);
  return {
    accepted: joined((step) => indicated(step, step.accepted)),
    acceptance: joined((step) => exp(step.logAccept)),
    logRatio: joined((step) => step.proposal.logRatio),
    squaredJump: joined(expectedJump),
    moved: joined((step) => where(step.accepted, step.direction, 0)),
    diverged: joined((step) => indicated(step, brokenRows(step))),
  };
}

/** Acceptance times |z' - z|^2; 0 without a chance, where z' may lie at infinity. */
function expectedJump({ proposal, before, logAccept }: PathStep): JaxArray {
  const possible = less(Number.NEGATIVE_INFINITY, logAccept);
  const distance = sum(square(sub(proposal.moved.z, before.z)), 1);
  return where(possible, mul(exp(logAccept), distance), 0);
}

function checkModel(model: PathModel, theta: FloatArray): void {
  const other = model.slots.find(({ kernel }) => kernel.name !== 'metflow');
  if (other !== undefined) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'a flow proposal is made of flows; other kernels join it in a cycle',
      where: 'kernels',
      value: other.kernel.name,
    });
  }
  if (theta.length !== parameterCount(model.parameters)) {
    throw new PipelineError({
      kind: 'shape-mismatch',
      what: `the model has ${parameterCount(model.parameters)} parameters`,
      value: String(theta.length),
    });
  }
}
