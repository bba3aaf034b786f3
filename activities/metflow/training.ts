// Training of a path's parameters: one update traced once, compiled, and run as often as wanted. A step is a function
// of the state before it and the step's number; the state is plain arrays, so a training goes on from any checkpoint
// bit for bit.

import { PipelineError } from '#schemas/errors.ts';
import {
  add,
  indicator,
  mean,
  mul,
  neg,
  reshape,
  sub,
  sum,
  concatenate,
  split,
  type JaxArray,
} from '../numeric/array-math.ts';
import { compileFunction, type ArgumentSpec, type NamedArrays } from '../numeric/jaxpr-to-onnx.ts';
import type { ProgramRunner, RunningProgram } from '../numeric/onnx-program.ts';
import { adamStep, FIRST_DECAY, SECOND_DECAY } from './adam.ts';
import {
  floatArray,
  initialParameters,
  parameterCount,
  toFloats,
  unpackParameters,
  type FloatArray,
  type FloatType,
  type Parameters,
} from './parameters.ts';
import { elboTerms, surrogate, type GradientEstimator } from './path/elbo.ts';
import { logNormal } from './path/path-kernel.ts';
import type { PathModel } from './path/path-model.ts';
import { bestDesign, drawNoise, noiseArrays, noiseSpecs } from './path/path-noise.ts';
import { brokenRows } from './path/run-path.ts';
import { gradientAndSeen, type SeenLoss } from './seen-gradient.ts';
import type { TracedTarget } from './targets/target.ts';

/** How the target's weight grows; `linear` is for trainings that release 0.1.0 began. */
export type Fading = 'quadratic' | 'linear';

export interface TrainOptions {
  /** Updates. */
  readonly steps: number;
  /** Paths per update. */
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Share of the updates over which the target fades in from the initial law. @default 0 */
  readonly anneal?: number;
  /** @default 'quadratic' */
  readonly fading?: Fading;
  /** @default 'rao-blackwell' */
  readonly estimator?: GradientEstimator;
  /** Largest norm of a gradient. @default 10 */
  readonly clip?: number;
  /** @default 'float64' */
  readonly type?: FloatType;
}

/** All that the next update needs, and the best parameters so far. */
export interface TrainState {
  /** Updates made. */
  readonly step: number;
  readonly theta: FloatArray;
  readonly first: FloatArray;
  readonly second: FloatArray;
  /** Updates left out because their gradient was not finite: all, and the last ones in a row. */
  readonly skipped: number;
  readonly skippedInRow: number;
}

export interface TrainInfo {
  readonly step: number;
  /** Mean of the bound's integrand over the batch, under the faded target; natural logarithm. */
  readonly elbo: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  /** Share of proposals accepted, per kernel of the path. */
  readonly acceptRate: FloatArray;
  /** Proposals whose ratio was NaN. */
  readonly broken: number;
  /** Whether the gradient was finite, so that the parameters moved. */
  readonly moved: boolean;
}

export interface Trainer {
  readonly options: Required<TrainOptions>;
  initial(): TrainState;
  /** One update; `state` is not written. */
  step(state: TrainState): Promise<{ readonly state: TrainState; readonly info: TrainInfo }>;
  close(): Promise<void>;
}

/** Training draws lie apart from those of sampling. */
const TRAIN_STEPS = 2 ** 50;
/** The target's weight at the first update of a fading. */
const LEAST_WEIGHT = 0.01;

/**
 * Compiles the update.
 * @throws PipelineError `config-invalid` where an option is out of range or nothing is to be trained.
 */
export async function openTrainer(
  model: PathModel,
  target: TracedTarget,
  { runner, ...given }: TrainOptions & { readonly runner: ProgramRunner },
): Promise<Trainer> {
  const options = completed(model, given);
  const { seed, type } = options;
  const program = await runner.open(compileUpdate(model, target, options));
  return {
    options,
    initial() {
      const theta = initialParameters(model.parameters, { seed, type });
      const none = () => floatArray(type, theta.length);
      return { step: 0, theta, first: none(), second: none(), skipped: 0, skippedInRow: 0 };
    },
    step: (state) => update(program, { model, options, state }),
    close: () => program.close(),
  };
}

async function update(
  program: RunningProgram,
  { model, options, state }: { model: PathModel; options: Required<TrainOptions>; state: TrainState },
): Promise<{ readonly state: TrainState; readonly info: TrainInfo }> {
  const { batch, type, seed } = options;
  const { step } = state;
  const made = step - state.skipped + 1;
  const scalars = [
    learningRateAt(options, step),
    1 - FIRST_DECAY ** made,
    1 - SECOND_DECAY ** made,
    targetWeightAt(options, step),
  ].map((value) => toFloats([value], type));
  const shape = { rows: batch, type, design: bestDesign(model, batch) };
  const noise = drawNoise(model, shape, { seed, step: TRAIN_STEPS + step });
  const outputs = await program.run([state.theta, state.first, state.second, ...scalars, ...noise]);
  const [theta, first, second, summary, acceptRate] = outputs as FloatArray[];
  const moved = summary![2] === 1;
  return {
    state: {
      step: step + 1,
      theta: theta!,
      first: first!,
      second: second!,
      skipped: state.skipped + (moved ? 0 : 1),
      skippedInRow: moved ? 0 : state.skippedInRow + 1,
    },
    info: {
      step,
      elbo: summary![0]!,
      gradientNorm: summary![1]!,
      moved,
      broken: summary![3]!,
      acceptRate: acceptRate!,
    },
  };
}

/** Half a cosine from the given rate down to 0. */
export function learningRateAt({ learningRate, steps }: Required<TrainOptions>, step: number): number {
  return learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
}

/**
 * Weight of the target against the initial law at an update: grows with the square of the share of the fading that is
 * over. The target's modes part at small weights, and there flows have to learn which of them leads to which.
 */
export function targetWeightAt(
  { anneal, steps, fading }: Pick<Required<TrainOptions>, 'anneal' | 'steps'> & Pick<TrainOptions, 'fading'>,
  step: number,
): number {
  if (step >= anneal * steps) return 1;
  if (fading === 'linear') return LEAST_WEIGHT + ((1 - LEAST_WEIGHT) * step) / (anneal * steps);
  return LEAST_WEIGHT + (1 - LEAST_WEIGHT) * (step / (anneal * steps)) ** 2;
}

function compileUpdate(model: PathModel, target: TracedTarget, options: Required<TrainOptions>) {
  const { type, batch, clip, estimator } = options;
  const flat = { type, dims: [parameterCount(model.parameters)] };
  const names = ['learningRate', 'correction1', 'correction2', 'weight'];
  const specs: ArgumentSpec[] = [
    { name: 'theta', ...flat },
    { name: 'first', ...flat },
    { name: 'second', ...flat },
    ...names.map((name) => ({ name, type, dims: [] })),
    ...noiseSpecs(model, { rows: batch, type, design: bestDesign(model, batch) }),
  ];
  return compileFunction((args: NamedArrays) => {
    const draws = noiseArrays(model, args);
    const density = fadedDensity(model, target, args.weight!);
    const loss = (theta: JaxArray): SeenLoss => {
      const parameters: Parameters = unpackParameters(theta, model.parameters);
      const terms = elboTerms(model, parameters, { draws, density });
      const rates = terms.steps.map(({ accepted }) => reshape(mean(indicator(accepted, theta)), [1]));
      const broken = terms.steps.map((step) => sum(indicator(brokenRows(step), theta)));
      const all = broken.reduce((total, one) => add(total, one));
      const figures = [mean(terms.integrand), all].map((value) => reshape(value, [1]));
      return {
        value: neg(surrogate(model, parameters, { terms, estimator })),
        seen: concatenate([...figures, ...rates], 0),
      };
    };
    const { gradient, seen } = gradientAndSeen(loss, args.theta!, 2 + model.slots.length);
    const [elbo, broken, rates] = split(seen, [1, 1, model.slots.length], 0);
    const moments = { first: args.first!, second: args.second! };
    const scalars = {
      learningRate: args.learningRate!,
      correction1: args.correction1!,
      correction2: args.correction2!,
    };
    const next = adamStep(args.theta!, moments, { gradient, clip, scalars });
    const summary = [elbo!, next.norm, indicator(next.moves, elbo!), broken!].map((value) =>
      reshape(value, [1]),
    );
    return { theta: next.theta, ...next.moments, summary: concatenate(summary, 0), rates: rates! };
  }, specs);
}

/** log of q^(1 - w) pi^w, q the initial law as it starts. */
function fadedDensity({ dim, initial }: PathModel, target: TracedTarget, weight: JaxArray) {
  const { scale } = initial;
  return (z: JaxArray): JaxArray => {
    const reference = sub(logNormal(mul(z, 1 / scale)), dim * Math.log(scale));
    return add(mul(sub(1, weight), reference), mul(weight, target.logDensity(z.ref)));
  };
}

const DEFAULTS = {
  anneal: 0,
  fading: 'quadratic',
  estimator: 'rao-blackwell',
  clip: 10,
  type: 'float64',
} as const satisfies Partial<TrainOptions>;

function completed(model: PathModel, given: TrainOptions): Required<TrainOptions> {
  const options = { ...DEFAULTS, ...given };
  const { steps, batch, learningRate, anneal, clip } = options;
  const checks: readonly [string, number, boolean][] = [
    ['steps', steps, Number.isInteger(steps) && steps >= 1],
    ['batch', batch, Number.isInteger(batch) && batch >= 1],
    ['learningRate', learningRate, learningRate > 0 && Number.isFinite(learningRate)],
    ['anneal', anneal, anneal >= 0 && anneal <= 1],
    ['clip', clip, clip > 0],
    ['parameters', parameterCount(model.parameters), parameterCount(model.parameters) > 0],
  ];
  for (const [name, value, holds] of checks) {
    if (holds) continue;
    throw new PipelineError({
      kind: 'config-invalid',
      what: name === 'parameters' ? 'no kernel has parameters to train' : 'a training option is out of range',
      where: `train.${name}`,
      value: String(value),
    });
  }
  return options;
}
