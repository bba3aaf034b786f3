// Watches the layers of a live model: splits fused activations off, and keeps what enters each activation.

import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { layerScale } from './layer-scale.ts';
import { type Forward, type ForwardOptions, type NetTap, netTap } from './net.ts';
import type { Tf } from './runtime.ts';

/** The parts of a tfjs layer that are read or replaced here; the public types hide most of them. */
export interface LiveLayer {
  readonly name: string;
  getClassName(): string;
  call(inputs: Tensor | Tensor[], kwargs: unknown): Tensor | Tensor[];
  activation?: Activation;
  readonly layers?: readonly LiveLayer[];
  readonly dataFormat?: string;
  readonly maxValue?: number | null;
  readonly inboundNodes: readonly { readonly inboundLayers: readonly LiveLayer[] }[];
}

interface Activation {
  apply(tensor: Tensor): Tensor;
  getClassName(): string;
}

type TapActivation = NetTap['activation'];

const ACTIVATIONS: Readonly<Record<string, TapActivation>> = {
  relu: 'Relu',
  relu6: 'Clip',
  leakyRelu: 'LeakyRelu',
  gelu: 'Gelu',
  gelu_new: 'Gelu',
  geluNew: 'Gelu',
};
/** Layers that end in `activation.apply(linear part)`. */
const SPLIT_LAYERS = new Set([
  'Dense',
  'Conv1D',
  'Conv2D',
  'Conv2DTranspose',
  'DepthwiseConv2D',
  'SeparableConv2D',
]);

/** Replaces `call` of a model's layers, once; every forward pass then reports to it. */
export class LayerWatcher {
  readonly taps: NetTap[] = [];
  private readonly tf: Tf;
  private readonly linear: Activation;
  private mode: 'idle' | 'discover' | 'forward' = 'idle';
  private withScales = false;
  private wanted: readonly number[] = [];
  /** Taps met in this pass, and the ids of their tensors: one tensor that feeds two activations is one tap. */
  private met = new Map<number, number>();
  private kept: { tap: number; pre: Tensor; scale: Tensor | null }[] = [];
  private scales = new Map<number, Tensor>();
  private logits: Tensor | null = null;

  constructor(tf: Tf, layers: readonly LiveLayer[], closing: LiveLayer) {
    this.tf = tf;
    this.linear = (
      tf.layers.activation({ activation: 'linear' }) as unknown as { activation: Activation }
    ).activation;
    for (const layer of layers) this.watch(layer, layer === closing);
  }

  /** One pass that only names the taps. */
  discover(model: LayersModel, input: Tensor): void {
    this.mode = 'discover';
    try {
      this.tf.tidy(() => {
        model.apply(input, { training: false });
      });
    } finally {
      this.reset();
    }
  }

  forward(model: LayersModel, input: Tensor, { taps, withScales }: ForwardOptions): Forward {
    const { tf } = this;
    this.mode = 'forward';
    this.wanted = taps;
    this.withScales = withScales;
    try {
      const output = tf.tidy(() => {
        const result = model.apply(input, { training: false }) as Tensor | Tensor[];
        return Array.isArray(result) ? result[0]! : result;
      });
      const kept = taps.map((tap) => this.kept.find((one) => one.tap === tap)!);
      const scales = withScales ? kept.map(({ scale }) => scale!) : null;
      this.kept = [];
      const logits = this.logits ?? output;
      if (logits !== output) output.dispose();
      this.logits = null;
      return { taps: kept.map(({ pre }) => pre), logits, scales };
    } finally {
      this.reset();
    }
  }

  private watch(layer: LiveLayer, isClosing: boolean): void {
    const { activation } = layer;
    const name = activation?.getClassName() ?? 'linear';
    const call = layer.call.bind(layer);
    if (activation !== undefined && SPLIT_LAYERS.has(layer.getClassName()) && name !== 'linear') {
      layer.activation = this.linear;
      layer.call = (inputs, kwargs) => {
        const pre = call(inputs, kwargs) as Tensor;
        this.noteScale(layer, inputs, pre);
        if (isClosing && name === 'softmax') this.noteLogits(pre);
        const kind = ACTIVATIONS[name];
        if (kind !== undefined) this.meet(netTap(layer.name, kind, isConv(layer)), pre);
        return activation.apply(pre);
      };
      return;
    }
    const kind = ownActivation(layer, name);
    const isSoftmax = isClosing && (layer.getClassName() === 'Softmax' || name === 'softmax');
    const source = layer.inboundNodes[0]?.inboundLayers[0] ?? layer;
    const fromConv = comesFromConv(source);
    layer.call = (inputs, kwargs) => {
      const pre = Array.isArray(inputs) ? inputs[0]! : inputs;
      if (isSoftmax) this.noteLogits(pre);
      if (kind !== undefined) this.meet(netTap(source.name, kind, fromConv), pre);
      const output = call(inputs, kwargs);
      if (!Array.isArray(output)) this.noteScale(layer, inputs, output);
      return output;
    };
  }

  private meet(tap: NetTap, pre: Tensor): void {
    if (this.mode === 'idle' || this.met.has(pre.id)) return;
    const index = this.met.size;
    this.met.set(pre.id, index);
    if (this.mode === 'discover') {
      const uses = this.taps.filter(
        ({ name }) => name === tap.name || name.startsWith(`${tap.name}:`),
      ).length;
      this.taps.push(uses === 0 ? tap : netTap(`${tap.name}:${uses}`, tap.activation, tap.fromConv));
      return;
    }
    if (!this.wanted.includes(index)) return;
    const { tf } = this;
    const scale = this.withScales ? tf.keep(tf.clone(this.scaleOf(pre))) : null;
    // The clone shares its data; the executor disposes of the original as soon as it can.
    this.kept.push({ tap: index, pre: tf.keep(tf.clone(pre)), scale });
  }

  private noteLogits(pre: Tensor): void {
    if (this.mode === 'forward') this.logits = this.tf.keep(this.tf.clone(pre));
  }

  private noteScale(layer: LiveLayer, inputs: Tensor | Tensor[], output: Tensor): void {
    if (!this.withScales) return;
    const scale = layerScale(this.tf, layer, Array.isArray(inputs) ? inputs : [inputs], (x) =>
      this.scaleOf(x),
    );
    if (scale !== null) this.scales.set(output.id, this.tf.keep(scale));
  }

  // Where a value is not a linear unit's, its own magnitude is the scale: no bit of it counts as ambiguous.
  private scaleOf(value: Tensor): Tensor {
    return this.scales.get(value.id) ?? this.tf.abs(value);
  }

  private reset(): void {
    this.tf.dispose([...this.scales.values(), ...this.kept.flatMap(({ pre, scale }) => [pre, scale ?? pre])]);
    this.logits?.dispose();
    this.logits = null;
    this.kept = [];
    this.scales = new Map();
    this.met = new Map();
    this.mode = 'idle';
    this.withScales = false;
  }
}

function isConv(layer: LiveLayer): boolean {
  return layer.getClassName().includes('Conv');
}

function comesFromConv(layer: LiveLayer): boolean {
  if (isConv(layer)) return true;
  if (layer.getClassName() === 'Dense') return false;
  return layer.inboundNodes[0]?.inboundLayers.some(comesFromConv) ?? false;
}

function ownActivation(layer: LiveLayer, activation: string): TapActivation | undefined {
  switch (layer.getClassName()) {
    case 'Activation':
      return ACTIVATIONS[activation];
    case 'ReLU':
      return layer.maxValue === undefined || layer.maxValue === null ? 'Relu' : 'Clip';
    case 'LeakyReLU':
      return 'LeakyRelu';
    case 'PReLU':
      return 'PRelu';
    default:
      return undefined;
  }
}
