// Layers models: every activation is split from its linear layer by running the layer linear and applying the activation
// after the pre-activation was seen. Works at any depth of nested models, and leaves weights and layer names alone.

import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { invalid, type TfjsArtifacts } from './artifacts.ts';
import { LayerWatcher, type LiveLayer } from './layer-watcher.ts';
import { countNames, firstBatchDims, type NetInput, onZeros, type TfjsNet } from './net.ts';
import type { Tf } from './runtime.ts';

const PIECEWISE_LINEAR = new Set([
  'Dense', 'Conv1D', 'Conv2D', 'Conv2DTranspose', 'DepthwiseConv2D', 'SeparableConv2D', 'InputLayer', 'Activation', 'ReLU', 'LeakyReLU', 'PReLU', 'BatchNormalization', 'Add', 'Average',
  'Concatenate', 'Flatten', 'Reshape', 'Permute', 'RepeatVector', 'Dropout', 'SpatialDropout1D', 'GaussianNoise',
  'GaussianDropout', 'AlphaDropout', 'ZeroPadding2D', 'Cropping2D', 'UpSampling2D', 'MaxPooling1D', 'MaxPooling2D',
  'AveragePooling1D', 'AveragePooling2D', 'GlobalMaxPooling1D', 'GlobalMaxPooling2D', 'GlobalAveragePooling1D',
  'GlobalAveragePooling2D', 'Embedding', 'Maximum', 'Minimum', 'Rescaling',
]);
const PIECEWISE_LINEAR_ACTIVATIONS = new Set(['linear', 'relu', 'relu6', 'leaky_relu']);

/**
 * A layers model with taps on every ReLU-like or GELU pre-activation, in order of execution.
 * @param sampleShape - one sample's shape, or null: the model runs once, since only a run tells which layers are reached.
 */
export async function openLayersNet(
  tf: Tf,
  artifacts: TfjsArtifacts,
  sampleShape: readonly number[] | null,
): Promise<TfjsNet> {
  const model = await load(tf, artifacts);
  const layers = flatten((model as unknown as { layers: LiveLayer[] }).layers);
  if (model.inputs.length !== 1) {
    throw invalid(artifacts.file, 'the model has several inputs', model.inputs.map(({ name }) => name).join(', '));
  }
  const output = model.outputs[0]!;
  const closing = sourceLayer(output);
  const names = layers.flatMap(operatorNames);
  const mixing = layers.flatMap((layer) => operatorNames(layer).filter((op) => !isExact(op, layer === closing)));
  const input = inputOf(model, layers);
  const watcher = new LayerWatcher(tf, layers, closing);
  const dims = firstBatchDims(input, sampleShape, artifacts.file);
  onZeros(tf, artifacts.file, dims, input.dtype, (tensor) => watcher.discover(model, tensor));
  return {
    input,
    output: { name: closing.name, dims: output.shape },
    taps: watcher.taps,
    layout: layers.some(({ dataFormat }) => dataFormat === 'channelsFirst') ? 'nchw' : 'nhwc',
    operators: countNames(names),
    inexact: countNames(mixing),
    forward: (tensor, options) => watcher.forward(model, tensor, options),
    dispose: () => model.dispose(),
  };
}

// Keras declares token ids as float32 where an Embedding reads them.
function inputOf(model: LayersModel, layers: readonly LiveLayer[]): NetInput {
  const { dtype, shape, name } = model.inputs[0]!;
  const reads = layers.some((layer) => layer.getClassName() === 'Embedding');
  const isText = shape.length === 2 && (dtype === 'int32' || reads);
  return { name, dtype: isText ? 'int32' : dtype, isText, dims: shape };
}

async function load(tf: Tf, artifacts: TfjsArtifacts): Promise<LayersModel> {
  registerLeakyRelu(tf);
  const { topology, weightSpecs, weightData } = artifacts;
  try {
    return await tf.loadLayersModel(
      tf.io.fromMemory({ modelTopology: topology, weightSpecs: [...weightSpecs], weightData: weightData.buffer }),
    );
  } catch (cause) {
    throw invalid(artifacts.file, 'TensorFlow.js cannot load this layers model', (cause as Error).message.split('\n')[0]);
  }
}

// Keras writes `activation: "leaky_relu"` (slope 0.2), which tfjs-layers 4.22 has as a layer only.
function registerLeakyRelu(tf: Tf): void {
  class LeakyReluActivation {
    static readonly className = 'leaky_relu';
    static fromConfig(): LeakyReluActivation {
      return new LeakyReluActivation();
    }
    apply(tensor: Tensor): Tensor {
      return tf.leakyRelu(tensor, 0.2);
    }
    getClassName(): string {
      return 'leaky_relu';
    }
    getConfig(): object {
      return {};
    }
  }
  tf.serialization.registerClass(LeakyReluActivation as never);
}

function flatten(layers: readonly LiveLayer[]): LiveLayer[] {
  return layers.flatMap((layer) => (layer.layers === undefined ? [layer] : flatten(layer.layers)));
}

function operatorNames(layer: LiveLayer): string[] {
  const activation = layer.activation?.getClassName() ?? 'linear';
  return activation === 'linear' ? [layer.getClassName()] : [layer.getClassName(), activation];
}

// A closing softmax comes after every tap.
function isExact(op: string, isClosing: boolean): boolean {
  return PIECEWISE_LINEAR.has(op) || PIECEWISE_LINEAR_ACTIVATIONS.has(op) || (isClosing && op.toLowerCase() === 'softmax');
}

function sourceLayer(output: unknown): LiveLayer {
  const { sourceLayer: layer } = output as { sourceLayer: LiveLayer & { outputs?: unknown[] } };
  return layer.layers !== undefined && layer.outputs !== undefined ? sourceLayer(layer.outputs[0]) : layer;
}
