// Training of encoder, decoder and what stands between them, together or the latter alone, and the evaluation of what
// came of it: one update compiled, its images an input.

import {
  add,
  concatenate,
  filled,
  indicator,
  mean,
  neg,
  reshape,
  split,
  sum,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { compileFunction, type ArgumentSpec, type NamedArrays } from '../../numeric/jaxpr-to-onnx.ts';
import type { ProgramRunner } from '../../numeric/onnx-program.ts';
import { adamStep, FIRST_DECAY, SECOND_DECAY } from '../adam.ts';
import {
  floatArray,
  initialParameters,
  parameterCount,
  toFloats,
  unpackParameters,
  type FloatArray,
  type FloatType,
  type Parameters,
  type ParameterSpec,
} from '../parameters.ts';
import { surrogate, type ElboTerms } from '../path/elbo.ts';
import { brokenRows } from '../path/run-path.ts';
import { gradientAndSeen, type SeenLoss } from '../seen-gradient.ts';
import type { TrainInfo, TrainState } from '../training.ts';
import { logMeanWeights, type VaeModel, vaeTerms } from './vae-model.ts';
import { batchNoise, batchSpecs, drawsOf, trainingRows } from './vae-noise.ts';

export interface VaeTrainOptions {
  readonly steps: number;
  /** Images per update. */
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Draws of the encoder per image, whose weights are averaged (IWAE); more than 1 only without a path. @default 1 */
  readonly copies?: number;
  /** Encoder and decoder as they are to stay; absent where they are trained too. */
  readonly frozen?: FloatArray;
  /** @default 'float32' */
  readonly type?: FloatType;
}

export interface VaeTrainer {
  initial(): TrainState;
  /** @param images - `[batch, pixels]`. @returns the state after the update, and what was seen of the one before it. */
  step(
    state: TrainState,
    images: FloatArray,
  ): Promise<{ readonly state: TrainState; readonly info: TrainInfo }>;
  close(): Promise<void>;
}

/** Largest norm of a gradient. */
const CLIP = 100;
/** Training draws lie apart from those of evaluation. */
const TRAIN_STEPS = 2 ** 50;

/** Compiles the update. @throws RangeError for several copies with a path: its decisions have no such gradient here. */
export async function openVaeTrainer(
  model: VaeModel,
  {
    runner,
    copies = 1,
    type = 'float32',
    frozen,
    ...given
  }: VaeTrainOptions & { readonly runner: ProgramRunner },
): Promise<VaeTrainer> {
  if (copies > 1 && model.path !== null) throw new RangeError('weights are averaged without a path only');
  const { batch, learningRate, seed, steps } = given;
  const program = await runner.open(compileUpdate(model, { batch, copies, type, frozen }));
  return {
    initial() {
      const theta = initialParameters(trainedSpecs(model, frozen), { seed, type });
      const none = () => floatArray(type, theta.length);
      return { step: 0, theta, first: none(), second: none(), skipped: 0, skippedInRow: 0 };
    },
    async step(state, images) {
      const { step, theta, first, second } = state;
      const made = step - state.skipped + 1;
      const rate = learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
      const scalars = [rate, 1 - FIRST_DECAY ** made, 1 - SECOND_DECAY ** made];
      const noise = batchNoise(model, trainingRows(model, { rows: batch * copies, type }), {
        seed,
        step: TRAIN_STEPS + step,
      });
      const inputs = [theta, first, second, ...scalars.map((value) => toFloats([value], type))];
      const nets = frozen === undefined ? [] : [frozen];
      const outputs = (await program.run([...inputs, ...nets, images, ...noise])) as FloatArray[];
      return stepResult(state, outputs, model.path?.slots.length ?? 0);
    },
    close: () => program.close(),
  };
}

function stepResult(state: TrainState, outputs: readonly FloatArray[], kernels: number) {
  const [theta, first, second, summary] = outputs;
  const [elbo, gradientNorm, moves, broken] = summary!;
  const moved = moves === 1;
  const acceptRate = summary!.slice(4, 4 + kernels) as FloatArray;
  return {
    state: {
      step: state.step + 1,
      theta: theta!,
      first: first!,
      second: second!,
      skipped: state.skipped + (moved ? 0 : 1),
      skippedInRow: moved ? 0 : state.skippedInRow + 1,
    },
    info: { step: state.step, elbo: elbo!, gradientNorm: gradientNorm!, moved, broken: broken!, acceptRate },
  };
}

export interface VaeEvaluator {
  /** @param images - `[rows, pixels]`. @returns `[rows]` one draw of the bound's integrand for each. */
  integrand(theta: FloatArray, images: FloatArray, step: number): Promise<FloatArray>;
  close(): Promise<void>;
}

/** Compiles the bound's integrand for so many images; its exponential has the likelihood as its mean. */
export async function openVaeEvaluator(
  model: VaeModel,
  {
    runner,
    rows,
    seed,
    type = 'float32',
  }: Pick<VaeTrainOptions, 'seed' | 'type'> & {
    readonly runner: ProgramRunner;
    readonly rows: number;
  },
): Promise<VaeEvaluator> {
  const specs = [
    { name: 'theta', type, dims: [parameterCount(model.parameters)] },
    { name: 'x', type, dims: [rows, model.shape.pixels] },
    ...batchSpecs(model, { rows, type }),
  ];
  const program = await runner.open(
    compileFunction((args) => {
      const parameters = unpackParameters(args.theta!, model.parameters);
      return {
        integrand: vaeTerms(model, parameters, { x: args.x!, draws: drawsOf(model, args) }).integrand,
      };
    }, specs),
  );
  return {
    async integrand(theta, images, step) {
      const noise = batchNoise(model, { rows, type }, { seed, step });
      const [integrand] = (await program.run([theta, images, ...noise])) as FloatArray[];
      return integrand!;
    },
    close: () => program.close(),
  };
}

interface UpdateOptions {
  readonly type: FloatType;
  readonly batch: number;
  readonly copies: number;
  readonly frozen: FloatArray | undefined;
}

function trainedSpecs(
  { parts, parameters }: VaeModel,
  frozen: FloatArray | undefined,
): readonly ParameterSpec[] {
  return frozen === undefined ? parameters : parts.between;
}

function compileUpdate(model: VaeModel, { type, batch, copies, frozen }: UpdateOptions) {
  const trained = trainedSpecs(model, frozen);
  const flat = { type, dims: [parameterCount(trained)] };
  const specs: ArgumentSpec[] = [
    { name: 'theta', ...flat },
    { name: 'first', ...flat },
    { name: 'second', ...flat },
    ...['learningRate', 'correction1', 'correction2'].map((name) => ({ name, type, dims: [] })),
    ...(frozen === undefined ? [] : [{ name: 'nets', type, dims: [frozen.length] }]),
    { name: 'x', type, dims: [batch, model.shape.pixels] },
    ...batchSpecs(model, trainingRows(model, { rows: batch * copies, type })),
  ];
  return compileFunction((args: NamedArrays) => {
    const x = concatenate(Array<JaxArray>(copies).fill(args.x!), 0);
    const nets = args.nets === undefined ? {} : unpackParameters(args.nets, model.parts.nets);
    const loss = (theta: JaxArray): SeenLoss => {
      const parameters: Parameters = { ...unpackParameters(theta, trained), ...nets };
      const { integrand, terms } = vaeTerms(model, parameters, { x, draws: drawsOf(model, args) });
      const bound = mean(copies === 1 ? integrand : logMeanWeights(integrand, copies));
      const value =
        terms === null ? bound : surrogate(model.path!, parameters, { terms, estimator: 'rao-blackwell' });
      return { value: neg(value), seen: concatenate([reshape(bound, [1]), ...ratesOf(terms, bound)], 0) };
    };
    const kernels = model.path?.slots.length ?? 0;
    const { gradient, seen } = gradientAndSeen(loss, args.theta!, 2 + kernels);
    const moments = { first: args.first!, second: args.second! };
    const scalars = {
      learningRate: args.learningRate!,
      correction1: args.correction1!,
      correction2: args.correction2!,
    };
    const next = adamStep(args.theta!, moments, { gradient, clip: CLIP, scalars });
    return { theta: next.theta, ...next.moments, summary: summaryOf(next, seen) };
  }, specs);
}

/** Bound, norm, whether it moved, broken proposals, acceptance per kernel: `[4 + kernels]`. */
function summaryOf(
  { norm, moves }: { readonly norm: JaxArray; readonly moves: JaxArray },
  seen: JaxArray,
): JaxArray {
  const one = (value: JaxArray) => reshape(value, [1]);
  const [bound, rest] = split(seen, [1, seen.shape[0]! - 1], 0);
  return concatenate([bound!, one(norm), one(indicator(moves, norm)), rest!], 0);
}

/** Broken proposals, then the share of proposals accepted by each kernel; a 0 alone without a path. */
function ratesOf(terms: ElboTerms | null, like: JaxArray): JaxArray[] {
  if (terms === null) return [filled(0, [1], like)];
  const broken = terms.steps.map((step) => sum(indicator(brokenRows(step), like)));
  const rates = terms.steps.map(({ accepted }) => reshape(mean(indicator(accepted, like)), [1]));
  return [
    reshape(
      broken.reduce((total, each) => add(total, each)),
      [1],
    ),
    ...rates,
  ];
}
