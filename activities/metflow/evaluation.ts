// The bound on a large batch, always the same one, and the stop of a training that no longer gains by it.

import { compileFunction } from '../numeric/jaxpr-to-onnx.ts';
import type { ProgramRunner } from '../numeric/onnx-program.ts';
import { concatenate, indicator, mean, reshape } from '../numeric/array-math.ts';
import { parameterCount, unpackParameters, type FloatArray, type FloatType } from './parameters.ts';
import { elboTerms } from './path/elbo.ts';
import type { PathModel } from './path/path-model.ts';
import { drawNoise, noiseArrays, noiseSpecs } from './path/path-noise.ts';
import type { TracedTarget } from './targets/target.ts';

export interface EvaluationOptions {
  readonly runner: ProgramRunner;
  readonly rows: number;
  readonly seed: number;
  /** @default 'float64' */
  readonly type?: FloatType;
}

export interface Evaluation {
  /** Mean of the bound's integrand, natural logarithm, and its standard error. */
  readonly elbo: number;
  readonly elboError: number;
  /** Rows whose integrand is not finite; they count in the mean. */
  readonly nonFinite: number;
  /** `[kernels]`. */
  readonly acceptRate: Float64Array;
  /** `[rows, dim]` where the paths ended. */
  readonly z: Float64Array;
}

export interface Evaluator {
  evaluate(theta: FloatArray): Promise<Evaluation>;
  close(): Promise<void>;
}

/** Evaluation draws lie apart from those of training and of sampling. */
const EVALUATION_STEP = 2 ** 51;

/** Compiles the evaluation of a model's bound under the whole target. */
export async function openEvaluator(
  model: PathModel,
  target: TracedTarget,
  { runner, rows, seed, type = 'float64' }: EvaluationOptions,
): Promise<Evaluator> {
  const specs = [
    { name: 'theta', type, dims: [parameterCount(model.parameters)] },
    ...noiseSpecs(model, { rows, type }),
  ];
  const program = await runner.open(
    compileFunction((args) => {
      const parameters = unpackParameters(args.theta!, model.parameters);
      const density = (z: typeof args.theta) => target.logDensity(z!.ref);
      const { steps, integrand } = elboTerms(model, parameters, { draws: noiseArrays(model, args), density });
      const rates = steps.map(({ accepted }) => reshape(mean(indicator(accepted, integrand)), [1]));
      return { integrand, rates: concatenate(rates, 0), z: steps.at(-1)!.after.z };
    }, specs),
  );
  const noise = drawNoise(model, { rows, type }, { seed, step: EVALUATION_STEP });
  return {
    async evaluate(theta) {
      const [integrand, rates, z] = (await program.run([theta, ...noise])) as FloatArray[];
      return summaryOf(Float64Array.from(integrand!), Float64Array.from(rates!), Float64Array.from(z!));
    },
    close: () => program.close(),
  };
}

function summaryOf(integrand: Float64Array, acceptRate: Float64Array, z: Float64Array): Evaluation {
  const rows = integrand.length;
  const elbo = integrand.reduce((total, value) => total + value, 0) / rows;
  const variance = integrand.reduce((total, value) => total + (value - elbo) ** 2, 0) / Math.max(1, rows - 1);
  const nonFinite = integrand.filter((value) => !Number.isFinite(value)).length;
  return { elbo, elboError: Math.sqrt(variance / rows), nonFinite, acceptRate, z };
}
