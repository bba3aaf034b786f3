// TensorFlow.js models behind the ModelLoader port: layers and graph models from a local model.json.

import type { ModelConfig } from '#schemas/config.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { TapInfo } from '#schemas/sweep.ts';
import type { ModelInfo, ModelLoader, SessionOptions } from '../../activities/ports.ts';
import { selectTaps } from './onnx/taps.ts';
import { readTfjsArtifacts, type TfjsArtifacts } from './tfjs/artifacts.ts';
import { controlArtifacts } from './tfjs/control.ts';
import { openGraphNet } from './tfjs/graph-net.ts';
import { openLayersNet } from './tfjs/layers-net.ts';
import { firstBatchDims, type NetTap, onZeros, type TfjsNet } from './tfjs/net.ts';
import { loadTfjsRuntime, type Tf, type TfjsRuntime } from './tfjs/runtime.ts';
import { openSession, type TfjsSession } from './tfjs/session.ts';
import { type TapGeometry, tapGeometry } from './tfjs/tap-geometry.ts';

/** Layers and graph models, on the best backend that is installed. */
export const tfjsModels: ModelLoader = { inspect, open };

/** A chosen tap: index into the net's taps, and its geometry. */
interface ChosenTap {
  readonly index: number;
  readonly geometry: TapGeometry;
}

/**
 * Opens a session on a given TensorFlow.js; {@link tfjsModels} chooses one itself.
 * @throws PipelineError as `ModelLoader.open`.
 */
export async function openOn(runtime: TfjsRuntime, options: SessionOptions): Promise<TfjsSession> {
  const { model, seed, sampleShape, granularity, batchSamples } = options;
  await runtime.activate();
  const { tf } = runtime;
  const original = await readTfjsArtifacts(model.file);
  const artifacts = controlArtifacts(tf, original, { control: model.control, seed });
  const net = await openNet(tf, artifacts, sampleShape);
  try {
    checkInput(net, model, batchSamples);
    const dims = firstBatchDims(net.input, sampleShape, model.file);
    const taps = chooseTaps(tf, net, model, { dims, granularity });
    return openSession({ runtime, net, taps }, options);
  } catch (error) {
    net.dispose();
    throw error;
  }
}

async function open(options: SessionOptions): Promise<TfjsSession> {
  const { device } = options.model;
  return openOn(await loadTfjsRuntime({ device, threads: options.threads }), options);
}

async function inspect(
  model: Pick<ModelConfig, 'file' | 'taps' | 'input'>,
  { granularity }: { readonly granularity: 'image' | 'position' },
): Promise<ModelInfo> {
  const artifacts = await readTfjsArtifacts(model.file);
  const { tf } = await loadTfjsRuntime({ device: 'cpu', threads: 1 });
  const net = await openNet(tf, artifacts, null);
  try {
    checkInput(net, model, null);
    const dims = firstBatchDims(net.input, null, model.file);
    const isFree = !net.input.isText && net.input.dims.slice(1).includes(null);
    const taps = chooseTaps(tf, net, model, { dims, granularity }).map(({ geometry }) => geometry.info);
    const { name, isText, dtype } = net.input;
    return {
      runtime: 'tfjs',
      sha256: artifacts.sha256,
      input: { name, type: isText || dtype === 'int32' ? 'int32' : 'float32', dims: net.input.dims },
      output: net.output,
      taps: isFree ? taps.map((tap) => withoutSize(tap, granularity)) : taps,
      inexact: net.inexact,
      operators: net.operators,
    };
  } finally {
    net.dispose();
  }
}

function openNet(tf: Tf, artifacts: TfjsArtifacts, sampleShape: readonly number[] | null): Promise<TfjsNet> {
  return artifacts.kind === 'graph' ? openGraphNet(tf, artifacts) : openLayersNet(tf, artifacts, sampleShape);
}

function checkInput(
  net: TfjsNet,
  model: Pick<ModelConfig, 'file' | 'input'>,
  batchSamples: number | null,
): void {
  const { name, dims } = net.input;
  if (model.input !== undefined && model.input !== name) {
    const what = `${model.file} has no such input`;
    throw new PipelineError({
      kind: 'config-invalid',
      what,
      where: 'model.input',
      value: model.input,
      remedy: `Allowed: ${name}`,
    });
  }
  const batch = dims[0] ?? null;
  if (batch === null || batchSamples === null || batch === batchSamples) return;
  throw new PipelineError({
    kind: 'shape-mismatch',
    what: `${model.file} takes batches of exactly ${batch} samples, not ${batchSamples}`,
    where: `input ${name}`,
    remedy: `Set stream.batchRows to ${batch}, or export the model with a free batch dimension.`,
  });
}

function chooseTaps(
  tf: Tf,
  net: TfjsNet,
  model: Pick<ModelConfig, 'file' | 'taps'>,
  { dims, granularity }: { readonly dims: readonly number[]; readonly granularity: 'image' | 'position' },
): ChosenTap[] {
  const chosen = selectTaps(net.taps, model.taps, model.file) as NetTap[];
  const indices = chosen.map((tap) => net.taps.indexOf(tap));
  const shapes = onZeros(tf, model.file, dims, net.input.dtype, (input) => {
    const forward = net.forward(input, { taps: indices, withScales: false });
    const found = forward.taps.map(({ shape }) => shape);
    tf.dispose([...forward.taps, forward.logits]);
    return found;
  });
  const samples = dims[0] ?? 1;
  const tokens = net.input.isText ? (dims[1] ?? 1) : null;
  return indices.map((index, i) => ({
    index,
    geometry: tapGeometry(net.taps[index]!, shapes[i]!, { granularity, samples, tokens, layout: net.layout }),
  }));
}

// A free axis was given a size only to run the model.
function withoutSize(tap: TapInfo, granularity: 'image' | 'position'): TapInfo {
  if (tap.kind === 'dense') return tap;
  return { ...tap, height: 0, width: 0, codeBits: granularity === 'position' ? tap.channels : 0 };
}
