// Control nets: the same architecture with fresh or shuffled weights, as new artifacts.

import { type Weight, permuteWeights, randomInit } from '../../../activities/polytope/weight-control.ts';
import { invalid, type TfjsArtifacts } from './artifacts.ts';
import type { Tf } from './runtime.ts';
import { weightRoles } from './weight-roles.ts';

/**
 * Artifacts whose weights are rewritten; deterministic in the seed and the order of the weights manifest.
 * @throws PipelineError `model-invalid` where the model has no weights that a control could rewrite.
 */
export function controlArtifacts(
  tf: Tf,
  artifacts: TfjsArtifacts,
  { control, seed }: { readonly control: 'none' | 'random_init' | 'weight_permuted'; readonly seed: number },
): TfjsArtifacts {
  if (control === 'none') return artifacts;
  const roles = weightRoles(artifacts);
  const tensors = tf.io.decodeWeights(artifacts.weightData.buffer, [...artifacts.weightSpecs]);
  const weights: Weight[] = [];
  const parts: Uint8Array[] = [];
  const specs = artifacts.weightSpecs.map(({ name, shape }) => {
    const tensor = tensors[name]!;
    if (tensor.dtype !== 'float32' && tensor.dtype !== 'int32' && tensor.dtype !== 'bool') {
      throw invalid(
        artifacts.file,
        `weights of type ${tensor.dtype} cannot be rewritten by model.control`,
        name,
      );
    }
    const values = tensor.dataSync<'float32' | 'int32' | 'bool'>().slice();
    const role = roles.get(name);
    if (role !== undefined && values instanceof Float32Array) weights.push({ role, values });
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return { name, shape, dtype: tensor.dtype };
  });
  tf.dispose(tensors);
  if (weights.length === 0)
    throw invalid(artifacts.file, 'no weights that model.control could rewrite', control);
  if (control === 'random_init') randomInit(weights, seed);
  else permuteWeights(weights, seed);
  return { ...artifacts, weightSpecs: specs, weightData: concatenate(parts) };
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
