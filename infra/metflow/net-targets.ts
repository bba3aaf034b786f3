// Targets inside a network as configs name them: energies of activations, laws cut down to a code's polytope.

import { createHash } from 'node:crypto';
import { PipelineError } from '#schemas/errors.ts';
import type { SourceFile } from '#schemas/messages.ts';
import type { BuiltInTarget } from '#schemas/metflow-targets.ts';
import { applyDense, type DenseLayer, type DenseNet } from '../../activities/metflow/dense-net.ts';
import { activationEnergy } from '../../activities/metflow/targets/activation-energy.ts';
import { polytope, polytopeLevels } from '../../activities/metflow/targets/polytope.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { compileFunction } from '../../activities/numeric/jaxpr-to-onnx.ts';
import { canonicalJson } from '../config/config-hash.ts';
import { readDenseNet } from './dense-file.ts';
import type { DrawFeed } from './draw-codes.ts';
import { type InputRows, readInputs } from './grey-images.ts';
import type { NamedTarget } from './named-targets.ts';
import { createProgramRunner } from './program-runner.ts';

type Named<Name extends BuiltInTarget['name']> = Extract<BuiltInTarget, { name: Name }>;

/** @throws PipelineError as reading net and data does, `config-invalid` for a tap that the net has not. */
export async function activationTarget(
  config: Named<'activation_energy'>,
  seed: number,
): Promise<NamedTarget> {
  const { name, control, tap, class: of, tilt, bandwidth } = config;
  const { net, taps, sha256: modelSha256 } = await readDenseNet(config.model, { control, seed });
  const at = taps.indexOf(tap);
  if (at === -1 || at === net.length - 1) throw noTap(config.model, tap, taps.slice(0, -1));
  const data = await readFitting(config, net);
  const [head, rest] = [[...net.slice(0, at), withoutActivation(net[at]!)], net.slice(at + 1)];
  const activations = await outputsOf(head, data);
  const { activation } = net[at]!;
  const traced = activationEnergy({ activations, activation, rest, of, tilt, bandwidth });
  const law = { name, control, seed, tap, of, tilt, bandwidth: bandwidth ?? null };
  return targetOf(config, { traced, law, modelSha256, data, tap });
}

/** @throws PipelineError as reading net and data does, and as {@link polytope}. */
export async function polytopeTarget(
  config: Named<'polytope'> | Named<'polytope_levels'>,
  seed: number,
): Promise<NamedTarget> {
  const { name, control, centre, scale, smoothing } = config;
  const { net, sha256: modelSha256 } = await readDenseNet(config.model, { control, seed });
  const data = await readFitting(config, net);
  const point = data.inputs.subarray(0, data.width);
  const options = { net, point, centre, scale, smoothing };
  const levels =
    name === 'polytope'
      ? null
      : { unitsPerLevel: config.unitsPerLevel ?? null, leastShare: config.leastShare };
  const traced = levels === null ? polytope(options) : polytopeLevels({ ...options, ...levels, seed });
  const law = { name, control, seed, centre, scale, smoothing, ...levels };
  return targetOf(config, { traced, law, modelSha256, data, tap: null });
}

function targetOf(
  { name, model, dataset }: Named<'activation_energy' | 'polytope' | 'polytope_levels'>,
  {
    traced,
    law,
    modelSha256,
    data,
    tap,
  }: {
    readonly traced: TracedTarget;
    readonly law: object;
    readonly modelSha256: string;
    readonly data: InputRows;
    readonly tap: string | null;
  },
): NamedTarget {
  const text = canonicalJson({ ...law, modelSha256, dataSha256: data.sha256 });
  const files: SourceFile[] = [
    { key: 'target.model', file: model, sha256: modelSha256 },
    { key: 'target.dataset', file: String(dataset.data), sha256: data.sha256 },
  ];
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { name, sha256, traced, files, feed: feedOf(traced, tap) };
}

function feedOf({ modelInput, dim }: TracedTarget, tap: string | null): DrawFeed {
  const inputs = modelInput!;
  return { size: inputs(new Float64Array(dim)).length, inputs, tap };
}

async function readFitting(
  { dataset }: Named<'activation_energy' | 'polytope' | 'polytope_levels'>,
  net: DenseNet,
): Promise<InputRows> {
  const data = await readInputs('target.dataset', dataset);
  if (data.width === net[0]!.inputs) return data;
  throw new PipelineError({
    kind: 'shape-mismatch',
    where: 'target.dataset',
    what: `the net has ${net[0]!.inputs} inputs`,
    value: `rows of ${data.width} numbers`,
  });
}

function withoutActivation(layer: DenseLayer): DenseLayer {
  return { ...layer, activation: { kind: 'none' } };
}

/** `[rows, outputs]` of a net, computed in float64. */
async function outputsOf(net: DenseNet, { inputs, rows, width }: InputRows): Promise<Float32Array> {
  const spec = { name: 'x', type: 'float64' as const, dims: [rows, width] };
  const program = await createProgramRunner().open(
    compileFunction(({ x }) => ({ outputs: applyDense(net, x!) }), [spec]),
  );
  try {
    const [outputs] = await program.run([Float64Array.from(inputs)]);
    return Float32Array.from(outputs as Float64Array);
  } finally {
    await program.close();
  }
}

function noTap(where: string, tap: string, taps: readonly string[]): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    where: 'target.tap',
    what: `${where} has no such pre-activation with layers behind it`,
    value: tap,
    remedy: `Allowed: ${taps.join(', ')}`,
  });
}
