// Filling in missing pixels by block Gibbs steps: the latent vector given the whole image by the path's kernels, then the
// missing pixels given the latent vector. z is carried along, so the kernels keep p(z | x) and the chain keeps the law
// of missing pixels given those that were seen. Where the shape says which pixels were seen, the kernels keep p(z | seen)
// instead: drawn pixels do not hold z back then, and drawing them from z at the end of a sweep gives the same law.

import {
  add,
  asColumn,
  columns,
  concatenate,
  constant,
  div,
  exp,
  indicator,
  less,
  mul,
  sigmoid,
  sub,
  where,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { compileFunction, type NamedArrays } from '../../numeric/jaxpr-to-onnx.ts';
import type { ProgramRunner } from '../../numeric/onnx-program.ts';
import { fillNormals, fillUniforms } from '../../numeric/philox-address.ts';
import { applyLayers } from '../dense-net.ts';
import { parameterCount, unpackParameters, type FloatArray, type Parameters } from '../parameters.ts';
import { boundKernels } from '../path/path-model.ts';
import { drawNoise, noiseArrays, noiseSpecs } from '../path/path-noise.ts';
import { runPath, type PathStep } from '../path/run-path.ts';
import { encodedDensity, layersOf, mappedDraws, seenPixels, type VaeModel } from './vae-model.ts';

export interface InpaintingState {
  readonly sweep: number;
  /** `[chains, pixels]` 0 or 1. */
  readonly x: Float64Array;
  /** `[chains, latent]`. */
  readonly z: Float64Array;
  /** `[chains, pixels]` probability that each pixel is lit given z. */
  readonly estimate: Float64Array;
  /** `[chains, kernels]` 1 where the kernel's proposal was accepted in the last sweep; zeros before the first. */
  readonly accepted: Float64Array;
}

export interface Inpainting {
  /** Kernels of the path. */
  readonly kernels: number;
  /** @param x - `[chains, pixels]`, with any values where pixels are missing; z starts from the encoder. */
  initial(x: Float64Array): Promise<InpaintingState>;
  /** One sweep. */
  step(state: InpaintingState): Promise<InpaintingState>;
  close(): Promise<void>;
}

export interface InpaintingOptions {
  readonly runner: ProgramRunner;
  readonly theta: FloatArray;
  readonly chains: number;
  /** `[pixels]` 1 for pixels that were seen. */
  readonly seen: ArrayLike<number>;
  readonly seed: number;
}

/** Coins of pixels lie apart from those of the path. */
const PIXEL_STEPS = 2 ** 49;

/**
 * Compiles the sweep of a model with Bernoulli pixels. Without a path z is drawn from the encoder, or from the flow
 * behind it, in every sweep, which only approximates p(z | x): the baselines. Momentum is drawn anew in every sweep.
 */
export async function openInpainting(
  model: VaeModel,
  { runner, theta, chains, seen, seed }: InpaintingOptions,
): Promise<Inpainting> {
  const { pixels, latent } = model.shape;
  const type = 'float64';
  const rows = { rows: chains, type } as const;
  const kernels = model.path?.slots.length ?? 0;
  const program = await runner.open(compileSweep(model, { chains, seen }));
  const numbers = Uint32Array.from({ length: chains }, (_, chain) => chain);
  const run = async (x: Float64Array, z: Float64Array, step: number) => {
    const coins = fillUniforms(
      new Float64Array(chains * pixels),
      Uint32Array.from({ length: chains * pixels }, (_, at) => at),
      { seed, step: PIXEL_STEPS + step, purpose: 'accept' },
    );
    const fresh = fillNormals(new Float64Array(chains * latent), numbers, {
      seed,
      step: PIXEL_STEPS + step,
      purpose: 'init',
    });
    const noise = model.path === null ? [] : drawNoise(model.path, rows, { seed, step });
    const outputs = await program.run([theta, x, z, coins, fresh, ...noise] as FloatArray[]);
    return outputs as readonly Float64Array[];
  };
  return {
    kernels,
    async initial(x) {
      const [, , , encoded, estimate] = await run(x, new Float64Array(chains * latent), 0);
      const accepted = new Float64Array(chains * kernels);
      return { sweep: 1, x, z: encoded!, estimate: estimate!, accepted };
    },
    async step({ sweep, x, z }) {
      const [filled, moved, estimate, , , accepted] = await run(x, z, sweep);
      const none = new Float64Array(0);
      return { sweep: sweep + 1, x: filled!, z: moved!, estimate: estimate!, accepted: accepted ?? none };
    },
    close: () => program.close(),
  };
}

function compileSweep(
  model: VaeModel,
  { chains, seen }: { readonly chains: number; readonly seen: ArrayLike<number> },
) {
  const { shape, path } = model;
  const { pixels, latent } = shape;
  const type = 'float64';
  const specs = [
    { name: 'theta', type, dims: [parameterCount(model.parameters)] },
    { name: 'x', type, dims: [chains, pixels] },
    { name: 'z', type, dims: [chains, latent] },
    { name: 'coins', type, dims: [chains, pixels] },
    { name: 'fresh', type, dims: [chains, latent] },
    ...(path === null ? [] : noiseSpecs(path, { rows: chains, type })),
  ] as const;
  return compileFunction((args) => {
    const parameters = unpackParameters(args.theta!, model.parameters);
    const x = args.x!;
    const moments = applyLayers(layersOf(parameters, 'encoder', shape), seenPixels(shape, x));
    const [mean, scale] = [columns(moments, 0, latent), exp(columns(moments, latent, 2 * latent))];
    const decoded = (z: JaxArray) => sigmoid(applyLayers(layersOf(parameters, 'decoder', shape), z));
    const encoded = add(mean, mul(scale, mappedDraws(model, parameters, args.fresh!).z));
    const steps = path === null ? [] : pathSteps(model, parameters, { args, mean, scale });
    const end = steps.at(-1);
    const moved = end === undefined ? encoded : add(mean, mul(scale, end.after.z));
    const estimate = decoded(moved);
    const drawn = indicator(less(args.coins!, estimate), x);
    const kept = less(0, constant(seen, [1, pixels], x));
    const accepted = steps.map((step) => asColumn(indicator(step.accepted, x)));
    return {
      ...{ x: where(kept, x, drawn), z: moved, estimate, encoded, encodedEstimate: decoded(encoded) },
      ...(accepted.length === 0 ? {} : { accepted: concatenate(accepted, 1) }),
    };
  }, specs);
}

/** The path from z as it stands, in the encoder's coordinates. */
function pathSteps(
  { shape, path }: VaeModel,
  parameters: Parameters,
  { args, mean, scale }: { readonly args: NamedArrays; readonly mean: JaxArray; readonly scale: JaxArray },
): readonly PathStep[] {
  const density = encodedDensity(shape, parameters, args.x!);
  const eps = div(sub(args.z!, mean), scale);
  const draws = noiseArrays(path!, args);
  const start = { z: eps, logDensity: density(eps), momentum: draws.momentum };
  const { directions } = path!;
  return runPath(boundKernels(path!, parameters), start, { draws, density, rule: 'metropolis', directions });
}
