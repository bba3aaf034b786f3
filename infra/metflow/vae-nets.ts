// Encoder and decoder as ONNX files: read as the parameters of an autoencoder, and written from them.

import { createHash } from 'node:crypto';
import { PipelineError } from '#schemas/errors.ts';
import type { DenseNet } from '../../activities/metflow/dense-net.ts';
import type { VaeShape } from '../../activities/metflow/vae/vae-model.ts';
import { encodeModel, type NodeProto, type TensorProto } from '../models/onnx/proto.ts';
import { ELEMENT } from '../models/onnx/tensors.ts';
import { readDenseNet, withoutSigmoid } from './dense-file.ts';

export interface VaeNets {
  readonly shape: VaeShape;
  /** Those of the encoder, then of the decoder, layer by layer: weights `[inputs, outputs]`, then biases. */
  readonly values: Float64Array<ArrayBuffer>;
  readonly sha256: { readonly encoder: string; readonly decoder: string };
}

const OPSET = 17;
const IR_VERSION = 8;

/**
 * Reads both nets.
 * @throws PipelineError as {@link readDenseNet} does, `shape-mismatch` where they do not belong together, `model-invalid`
 * for hidden layers that are not tanh.
 */
export async function readVaeNets(files: { encoder: string; decoder: string }): Promise<VaeNets> {
  const [encoder, decoderFile] = await Promise.all([
    readDenseNet(files.encoder),
    readDenseNet(files.decoder),
  ]);
  const decoder = withoutSigmoid(decoderFile.net);
  checkTanh(files.encoder, encoder.net);
  checkTanh(files.decoder, decoder);
  const [pixels, latent] = [encoder.net[0]!.inputs, decoder[0]!.inputs];
  const hidden = encoder.net.slice(0, -1).map(({ outputs }) => outputs);
  const back = decoder.slice(0, -1).map(({ outputs }) => outputs);
  const fits = encoder.net.at(-1)!.outputs === 2 * latent && decoder.at(-1)!.outputs === pixels;
  if (!fits || String(hidden) !== String(back.toReversed())) throw unfit(files, encoder.net, decoder);
  const parts = [...encoder.net, ...decoder].flatMap(({ weight, bias }) => [weight, bias]);
  return {
    shape: { pixels, latent, hidden, likelihood: { kind: 'bernoulli' } },
    values: Float64Array.from(parts.flatMap((part) => Array.from(part))),
    sha256: { encoder: encoder.sha256, decoder: decoderFile.sha256 },
  };
}

/**
 * An MLP of tanh layers as an ONNX model.
 * @param values - layer by layer weights `[inputs, outputs]`, then biases.
 * @param end - what follows the last layer.
 */
export function denseModel(
  values: ArrayLike<number>,
  { sizes, end }: { readonly sizes: readonly number[]; readonly end: 'none' | 'sigmoid' },
): Uint8Array {
  const nodes: NodeProto[] = [];
  const initializer: TensorProto[] = [];
  let at = 0;
  const take = (name: string, dims: readonly number[]) => {
    const length = dims.reduce((product, size) => product * size, 1);
    const data = Float32Array.from({ length }, (_, i) => values[at + i]!);
    at += length;
    initializer.push({
      name,
      dims: [...dims],
      dataType: ELEMENT.float,
      rawData: new Uint8Array(data.buffer),
    });
  };
  const layers = sizes.length - 1;
  for (let layer = 0; layer < layers; layer++) {
    take(`w${layer}`, sizes.slice(layer, layer + 2));
    take(`b${layer}`, [sizes[layer + 1]!]);
    const from = layer === 0 ? 'input' : `hidden${layer - 1}`;
    const isLast = layer === layers - 1;
    const to = isLast && end === 'none' ? 'output' : `sum${layer}`;
    nodes.push(node('Gemm', [from, `w${layer}`, `b${layer}`], to));
    if (!isLast) nodes.push(node('Tanh', [to], `hidden${layer}`));
    else if (end === 'sigmoid') nodes.push(node('Sigmoid', [to], 'output'));
  }
  return encodeModel({
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }],
    producerName: 'tessera',
    graph: {
      ...{ name: 'dense', node: nodes, initializer, valueInfo: [] },
      input: [valueInfo('input', sizes[0]!)],
      output: [valueInfo('output', sizes.at(-1)!)],
    },
  });
}

/** SHA-256 of some bytes, hex. */
export function hexSha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function node(opType: string, input: string[], output: string): NodeProto {
  return { opType, name: output, input, output: [output], attribute: [] };
}

function valueInfo(name: string, size: number) {
  const shape = { dim: [{ dimParam: 'batch' }, { dimValue: size }] };
  return { name, type: { tensorType: { elemType: ELEMENT.float, shape } } };
}

function checkTanh(file: string, net: DenseNet): void {
  const bad = net.findIndex(
    ({ activation }, i) => activation.kind !== (i < net.length - 1 ? 'tanh' : 'none'),
  );
  if (bad === -1) return;
  throw new PipelineError({
    kind: 'model-invalid',
    where: file,
    what: 'hidden layers are tanh, and nothing follows the last one',
    value: `layer ${bad}: ${net[bad]!.activation.kind}`,
    remedy: 'Give nets such as a run of experiment: vae leaves in nets/.',
  });
}

function unfit(
  files: { encoder: string; decoder: string },
  encoder: DenseNet,
  decoder: DenseNet,
): PipelineError {
  const sizes = (net: DenseNet) => [net[0]!.inputs, ...net.map(({ outputs }) => outputs)].join('-');
  return new PipelineError({
    kind: 'shape-mismatch',
    where: `${files.encoder}, ${files.decoder}`,
    what: 'encoder and decoder do not mirror each other',
    value: `${sizes(encoder)} and ${sizes(decoder)}`,
    remedy: 'The encoder ends in means and log scales: twice the latent dimension.',
  });
}
