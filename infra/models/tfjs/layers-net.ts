// Layers models: every activation is split from its linear layer by running the layer linear and applying the activation
// after the pre-activation was seen. Works at any depth of nested models, and leaves weights and layer names alone.

import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { invalid, type TfjsArtifacts } from './artifacts.ts';
import { LayerWatcher, type LiveLayer } from './layer-watcher.ts';
import { countNames, firstBatchDims, type NetInput, onZeros, type TfjsNet } from './net.ts';
import type { Tf } from './runtime.ts';

const PIECEWISE_LINEAR = new Set([
  'Dense',
  'Conv1D',
  'Conv2D',
  'Conv2DTranspose',
  'DepthwiseConv2D',
  'SeparableConv2D',
  'InputLayer',
  'Activation',
  'ReLU',
  'LeakyReLU',
  'PReLU',
  'BatchNormalization',
  'Add',
  'Average',
  'Concatenate',
  'Flatten',
  'Reshape',
  'Permute',
  'RepeatVector',
  'Dropout',
  'SpatialDropout1D',
  'GaussianNoise',
  'GaussianDropout',
  'AlphaDropout',
  'ZeroPadding2D',
  'Cropping2D',
  'UpSampling2D',
  'MaxPooling1D',
  'MaxPooling2D',
  'AveragePooling1D',
  'AveragePooling2D',
  'GlobalMaxPooling1D',
  'GlobalMaxPooling2D',
  'GlobalAveragePooling1D',
  'GlobalAveragePooling2D',
  'Embedding',
  'Maximum',
  'Minimum',
  'Rescaling',
]);
const KERAS_LEAKY_SLOPE = 0.2;
const PIECEWISE_LINEAR_ACTIVATIONS = new Set(['linear', 'relu', 'relu6', 'leakyRelu']);

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
  try {
    return watchedNet(tf, artifacts.file, model, sampleShape);
  } catch (error) {
    disposeOf(model);
    throw error;
  }
}

function watchedNet(
  tf: Tf,
  file: string,
  model: LayersModel,
  sampleShape: readonly number[] | null,
): TfjsNet {
  const layers = flatten((model as unknown as { layers: LiveLayer[] }).layers);
  if (model.inputs.length !== 1) {
    throw invalid(file, 'the model has several inputs', model.inputs.map(({ name }) => name).join(', '));
  }
  const output = model.outputs[0]!;
  const closing = sourceLayer(output);
  const mixing = layers.flatMap((layer) =>
    operatorNames(layer).filter((op) => !isExact(op, layer === closing)),
  );
  const input = inputOf(model, layers);
  const watcher = new LayerWatcher(tf, layers, closing);
  const operators = countNames(layers.flatMap(operatorNames));
  const dims = firstBatchDims(input, sampleShape, file);
  onZeros(tf, file, dims, input.dtype, (tensor) => watcher.discover(model, tensor));
  return {
    input,
    output: { name: closing.name, dims: output.shape },
    taps: watcher.taps,
    layout: layers.some(({ dataFormat }) => dataFormat === 'channelsFirst') ? 'nchw' : 'nhwc',
    operators,
    inexact: countNames(mixing),
    forward: (tensor, options) => watcher.forward(model, tensor, options),
    dispose: () => disposeOf(model),
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
  registerActivations(tf);
  const { topology, weightSpecs, weightData } = artifacts;
  try {
    return await tf.loadLayersModel(
      tf.io.fromMemory({
        modelTopology: topology,
        weightSpecs: [...weightSpecs],
        weightData: weightData.buffer,
      }),
    );
  } catch (cause) {
    throw invalid(
      artifacts.file,
      'TensorFlow.js cannot load this layers model',
      (cause as Error).message.split('\n')[0],
    );
  }
}

// tfjs-layers 4.22 reads Keras's snake_case names in camelCase: it has no leakyRelu at all, and knows gelu_new only as that.
function registerActivations(tf: Tf): void {
  const apply: Record<string, (z: Tensor) => Tensor> = {
    leakyRelu: (z) => tf.leakyRelu(z, KERAS_LEAKY_SLOPE),
    geluNew: (z) =>
      tf.tidy(() => {
        const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(z, tf.mul(0.044715, tf.pow(z, 3))));
        return tf.mul(tf.mul(0.5, z), tf.add(1, tf.tanh(inner)));
      }),
  };
  for (const [className, run] of Object.entries(apply)) {
    const activation = { apply: run, getClassName: () => className, getConfig: () => ({}) };
    tf.serialization.registerClass({ className, fromConfig: () => activation } as never);
  }
}

// A nested model counts a reference too many, so its weights outlive the model's own dispose.
function disposeOf(model: LayersModel): void {
  const variables = model.weights.map((weight) => (weight as unknown as { val: Tensor }).val);
  model.dispose();
  for (const variable of variables) if (!variable.isDisposed) variable.dispose();
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
  return (
    PIECEWISE_LINEAR.has(op) ||
    PIECEWISE_LINEAR_ACTIVATIONS.has(op) ||
    (isClosing && op.toLowerCase() === 'softmax')
  );
}

function sourceLayer(output: unknown): LiveLayer {
  const { sourceLayer: layer } = output as { sourceLayer: LiveLayer & { outputs?: unknown[] } };
  return layer.layers !== undefined && layer.outputs !== undefined ? sourceLayer(layer.outputs[0]) : layer;
}
