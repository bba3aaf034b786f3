// Training of encoder, decoder and flows together, and the evaluation of what came of it: one update compiled, its images
// an input.

import { valueAndGrad } from '@jax-js/jax';
import { concatenate, mean, neg, reshape, type JaxArray } from '../../numeric/array-math.ts';
import { compileFunction, type ArgumentSpec, type NamedArrays } from '../../numeric/jaxpr-to-onnx.ts';
import type { ProgramRunner } from '../../numeric/onnx-program.ts';
import { fillNormals } from '../../numeric/philox-address.ts';
import { adamStep, FIRST_DECAY, SECOND_DECAY } from '../adam.ts';
import {
  floatArray,
  initialParameters,
  parameterCount,
  toFloats,
  unpackParameters,
  type FloatArray,
  type FloatType,
} from '../parameters.ts';
import { surrogate, type ElboDraws } from '../path/elbo.ts';
import { drawNoise, type NoiseData, noiseArrays, noiseSpecs } from '../path/path-noise.ts';
import { logMeanWeights, type VaeModel, vaeTerms } from './vae-model.ts';

export interface VaeTrainOptions {
  readonly steps: number;
  /** Images per update. */
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Draws of the encoder per image, whose weights are averaged (IWAE); more than 1 only without a path. @default 1 */
  readonly copies?: number;
  /** @default 'float32' */
  readonly type?: FloatType;
}

export interface VaeState {
  readonly step: number;
  readonly theta: FloatArray;
  readonly first: FloatArray;
  readonly second: FloatArray;
}

export interface VaeTrainer {
  initial(): VaeState;
  /** @param images - `[batch, pixels]`. @returns the state after the update and the mean bound before it. */
  step(state: VaeState, images: FloatArray): Promise<{ readonly state: VaeState; readonly bound: number }>;
  close(): Promise<void>;
}

/** Largest norm of a gradient. */
const CLIP = 100;
/** Training draws lie apart from those of evaluation. */
const TRAIN_STEPS = 2 ** 50;

/** Compiles the update. @throws RangeError for several copies with a path: its decisions have no such gradient here. */
export async function openVaeTrainer(
  model: VaeModel,
  { runner, copies = 1, type = 'float32', ...given }: VaeTrainOptions & { readonly runner: ProgramRunner },
): Promise<VaeTrainer> {
  if (copies > 1 && model.path !== null) throw new RangeError('weights are averaged without a path only');
  const options = { ...given, copies, type };
  const { batch, learningRate, seed, steps } = options;
  const program = await runner.open(compileUpdate(model, options));
  return {
    initial() {
      const theta = initialParameters(model.parameters, { seed, type });
      const none = () => floatArray(type, theta.length);
      return { step: 0, theta, first: none(), second: none() };
    },
    async step({ step, theta, first, second }, images) {
      const rate = learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
      const scalars = [rate, 1 - FIRST_DECAY ** (step + 1), 1 - SECOND_DECAY ** (step + 1)];
      const noise = batchNoise(model, { rows: batch * copies, type }, { seed, step: TRAIN_STEPS + step });
      const inputs = [theta, first, second, ...scalars.map((value) => toFloats([value], type))];
      const outputs = (await program.run([...inputs, images, ...noise])) as FloatArray[];
      const state = { step: step + 1, theta: outputs[0]!, first: outputs[1]!, second: outputs[2]! };
      return { state, bound: outputs[3]![0]! };
    },
    close: () => program.close(),
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

function compileUpdate(
  model: VaeModel,
  { type, batch, copies }: { readonly type: FloatType; readonly batch: number; readonly copies: number },
) {
  const flat = { type, dims: [parameterCount(model.parameters)] };
  const specs: ArgumentSpec[] = [
    { name: 'theta', ...flat },
    { name: 'first', ...flat },
    { name: 'second', ...flat },
    ...['learningRate', 'correction1', 'correction2'].map((name) => ({ name, type, dims: [] })),
    { name: 'x', type, dims: [batch, model.shape.pixels] },
    ...batchSpecs(model, { rows: batch * copies, type }),
  ];
  return compileFunction((args: NamedArrays) => {
    const x = concatenate(Array<JaxArray>(copies).fill(args.x!), 0);
    const loss = (theta: JaxArray): [JaxArray, JaxArray] => {
      const parameters = unpackParameters(theta, model.parameters);
      const { integrand, terms } = vaeTerms(model, parameters, { x, draws: drawsOf(model, args) });
      const bound = mean(copies === 1 ? integrand : logMeanWeights(integrand, copies));
      const value =
        terms === null ? bound : surrogate(model.path!, parameters, { terms, estimator: 'rao-blackwell' });
      return [neg(value), bound];
    };
    const differentiate = valueAndGrad(loss as never, { hasAux: true }) as unknown as (
      theta: JaxArray,
    ) => [[JaxArray, JaxArray], JaxArray];
    const [[, bound], gradient] = differentiate(args.theta!.ref);
    const moments = { first: args.first!, second: args.second! };
    const scalars = {
      learningRate: args.learningRate!,
      correction1: args.correction1!,
      correction2: args.correction2!,
    };
    const next = adamStep(args.theta!, moments, { gradient, clip: CLIP, scalars });
    return { theta: next.theta, ...next.moments, bound: reshape(bound, [1]) };
  }, specs);
}

interface Rows {
  readonly rows: number;
  readonly type: FloatType;
}

function batchSpecs({ path, shape }: VaeModel, { rows, type }: Rows): ArgumentSpec[] {
  if (path !== null) return noiseSpecs(path, { rows, type });
  return [{ name: 'initial', type, dims: [rows, shape.latent] }];
}

function batchNoise(
  { path, shape }: VaeModel,
  { rows, type }: Rows,
  address: { readonly seed: number; readonly step: number },
): NoiseData[] {
  if (path !== null) return drawNoise(path, { rows, type }, address);
  const chains = Uint32Array.from({ length: rows }, (_, row) => row);
  const normals = fillNormals(new Float64Array(rows * shape.latent), chains, { ...address, purpose: 'init' });
  return [toFloats(normals, type)];
}

function drawsOf({ path }: VaeModel, args: NamedArrays): ElboDraws {
  if (path !== null) return noiseArrays(path, args);
  return { initial: args.initial!, momentum: null, u: [], direction: [], accept: [] };
}
