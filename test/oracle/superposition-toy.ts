// The ReLU-output toy model of superposition: more sparse features than dimensions, trained by plain loops.

import { randomStream } from '../../activities/numeric/rng.ts';

export interface SuperpositionToy {
  readonly features: number;
  /** `[dims, features]` */
  readonly weights: Float64Array;
  /** `[features]` */
  readonly bias: Float64Array;
}

export interface ToyOptions {
  readonly features: number;
  readonly dims: number;
  /** Share of zeros in a sample; others are uniform in [0, 1). */
  readonly sparsity: number;
  readonly seed: number;
  /** 0 leaves the model as it was drawn. */
  readonly steps: number;
}

const BATCH = 64;
const RATE = 0.02;

/**
 * `x' = relu(W^T W x + b)` with the squared error, by Adam.
 * @see Elhage et al., "Toy Models of Superposition", 2022.
 */
export function trainToy({ features, dims, sparsity, seed, steps }: ToyOptions): SuperpositionToy {
  const random = randomStream(seed, 1);
  const weights = Float64Array.from({ length: dims * features }, () => 0.3 * random.normal());
  const bias = new Float64Array(features);
  const [adamWeights, adamBias] = [adam(weights), adam(bias)];
  const x = new Float64Array(features);
  for (let step = 1; step <= steps; step++) {
    const [dWeights, dBias] = [new Float64Array(weights.length), new Float64Array(features)];
    for (let sample = 0; sample < BATCH; sample++) {
      for (let i = 0; i < features; i++) x[i] = random.uniform() < sparsity ? 0 : random.uniform();
      addGradient({ features, weights, bias }, x, { dWeights, dBias });
    }
    const rate = RATE * (1 - (step - 1) / steps);
    adamWeights(dWeights, step, rate);
    adamBias(dBias, step, rate);
  }
  return { features, weights, bias };
}

/** `W^T W`: what feature k adds to the output i, `[features, features]`. */
export function interference({ features, weights }: SuperpositionToy): number[][] {
  const dims = weights.length / features;
  const dot = (i: number, k: number) => {
    let sum = 0;
    for (let j = 0; j < dims; j++) sum += weights[j * features + i]! * weights[j * features + k]!;
    return sum;
  };
  return Array.from({ length: features }, (_, i) => Array.from({ length: features }, (__, k) => dot(i, k)));
}

function addGradient(
  { features, weights, bias }: SuperpositionToy,
  x: Float64Array,
  { dWeights, dBias }: { dWeights: Float64Array; dBias: Float64Array },
): void {
  const dims = weights.length / features;
  const times = (values: Float64Array) =>
    Float64Array.from({ length: dims }, (_, j) => {
      let sum = 0;
      for (let i = 0; i < features; i++) sum += weights[j * features + i]! * values[i]!;
      return sum;
    });
  const hidden = times(x);
  const dOutput = new Float64Array(features);
  for (let i = 0; i < features; i++) {
    let z = bias[i]!;
    for (let j = 0; j < dims; j++) z += weights[j * features + i]! * hidden[j]!;
    if (z > 0) dOutput[i] = (2 * (z - x[i]!)) / BATCH;
    dBias[i]! += dOutput[i]!;
  }
  const dHidden = times(dOutput);
  for (let j = 0; j < dims; j++)
    for (let i = 0; i < features; i++)
      dWeights[j * features + i]! += hidden[j]! * dOutput[i]! + dHidden[j]! * x[i]!;
}

function adam(values: Float64Array): (gradient: Float64Array, step: number, rate: number) => void {
  const [mean, square] = [new Float64Array(values.length), new Float64Array(values.length)];
  return (gradient, step, rate) => {
    gradient.forEach((g, i) => {
      mean[i] = 0.9 * mean[i]! + 0.1 * g;
      square[i] = 0.999 * square[i]! + 0.001 * g * g;
      const size = Math.sqrt(square[i]! / (1 - 0.999 ** step)) + 1e-8;
      values[i]! -= (rate * mean[i]!) / (1 - 0.9 ** step) / size;
    });
  };
}
