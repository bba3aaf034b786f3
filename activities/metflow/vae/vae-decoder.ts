// What a trained decoder makes of draws of the prior.

import { sigmoid } from '../../numeric/array-math.ts';
import { compileFunction } from '../../numeric/jaxpr-to-onnx.ts';
import type { ProgramRunner } from '../../numeric/onnx-program.ts';
import { fillNormals } from '../../numeric/philox-address.ts';
import { applyLayers } from '../dense-net.ts';
import { type FloatArray, parameterCount, toFloats, unpackParameters } from '../parameters.ts';
import { layersOf, type VaeModel } from './vae-model.ts';

export interface DecodedSamples {
  /** `[samples, latent]`. */
  readonly z: FloatArray;
  /** `[samples, pixels]` probabilities. */
  readonly pixels: FloatArray;
}

/** Draws of the prior lie apart from all others. */
const SAMPLE_STEP = 2 ** 48;

/** Draws z ~ N(0, I), the same for all models of a seed, and decodes them. */
export async function decodedSamples(
  model: VaeModel,
  {
    runner,
    theta,
    samples,
    seed,
  }: { runner: ProgramRunner; theta: FloatArray; samples: number; seed: number },
): Promise<DecodedSamples> {
  const { latent } = model.shape;
  const type = 'float32';
  const chains = Uint32Array.from({ length: samples }, (_, chain) => chain);
  const normals = new Float64Array(samples * latent);
  const z = toFloats(fillNormals(normals, chains, { seed, step: SAMPLE_STEP, purpose: 'init' }), type);
  const specs = [
    { name: 'theta', type, dims: [parameterCount(model.parameters)] },
    { name: 'z', type, dims: [samples, latent] },
  ] as const;
  const program = await runner.open(
    compileFunction((args) => {
      const parameters = unpackParameters(args.theta!, model.parameters);
      return { pixels: sigmoid(applyLayers(layersOf(parameters, 'decoder', model.shape), args.z!)) };
    }, specs),
  );
  try {
    const [pixels] = (await program.run([theta, z])) as FloatArray[];
    return { z, pixels: pixels! };
  } finally {
    await program.close();
  }
}

/** Encoder and decoder out of a vector of parameters: weights and biases layer by layer, and the sizes of the layers. */
export function netsOf({ shape, parts }: VaeModel, theta: FloatArray) {
  const { pixels, latent, hidden } = shape;
  const nets = theta.subarray(parameterCount(parts.between));
  const own = parts.nets.filter(({ name }) => name.startsWith('encoder.'));
  const cut = parameterCount(own);
  return {
    encoder: { values: nets.subarray(0, cut), sizes: [pixels, ...hidden, 2 * latent] },
    decoder: { values: nets.subarray(cut), sizes: [latent, ...hidden.toReversed(), pixels] },
  };
}
