// A dense net out of an ONNX file, as weights that formulas are traced with.

import { PipelineError } from '#schemas/errors.ts';
import type { DenseActivation, DenseLayer, DenseNet } from '../../activities/metflow/dense-net.ts';
import { applyControl } from '../models/onnx/control.ts';
import { type GraphIndex, indexGraph, trueInputs } from '../models/onnx/graph.ts';
import { loadModel } from '../models/onnx/load.ts';
import type { NodeProto } from '../models/onnx/proto.ts';
import { attributeNamed, floatValues, tensorDims } from '../models/onnx/tensors.ts';

export interface DenseFile {
  readonly net: DenseNet;
  /** Each layer's sum before its activation, as the graph names it: where a pre-activation is recorded. */
  readonly taps: readonly string[];
  readonly sha256: string;
}

const ACTIVATIONS: Readonly<Record<string, (node: NodeProto) => DenseActivation>> = {
  Relu: () => ({ kind: 'relu' }),
  Tanh: () => ({ kind: 'tanh' }),
  Softplus: () => ({ kind: 'softplus' }),
  Sigmoid: () => ({ kind: 'sigmoid' }),
  LeakyRelu: (node) => ({ kind: 'leaky', slope: attributeNamed(node, 'alpha')?.f ?? 0.01 }),
};

export interface DenseFileOptions {
  /** Weights as they are, or fresh ones drawn with the seed. */
  readonly control: 'none' | 'random_init';
  readonly seed: number;
}

/**
 * Reads a net that is one chain of Gemm layers (or MatMul and Add) with activations between them.
 * @throws PipelineError `model-missing`, or `model-invalid` naming the node that does not fit.
 */
export async function readDenseNet(
  file: string,
  { control, seed }: DenseFileOptions = { control: 'none', seed: 0 },
): Promise<DenseFile> {
  const loaded = await loadModel(file);
  applyControl(loaded, control, seed);
  const { graph, sha256 } = loaded;
  const index = indexGraph(graph);
  const [input] = trueInputs(graph);
  const layers: DenseLayer[] = [];
  const taps: string[] = [];
  let at = input?.name ?? '';
  const end = graph.output[0]?.name;
  while (at !== end) {
    const [node, ...more] = index.consumersOf(at);
    if (node === undefined || more.length > 0)
      throw unfit(file, node ?? null, `tensor ${at} does not go on to one node`);
    const activation = ACTIVATIONS[node.opType];
    const last = layers.at(-1);
    if (activation !== undefined && last?.activation.kind === 'none')
      layers[layers.length - 1] = { ...last, activation: activation(node) };
    else if (node.opType === 'Gemm' || node.opType === 'MatMul')
      layers.push(layerOf(file, node, { index, at }));
    else if (node.opType === 'Add' && last?.activation.kind === 'none')
      layers[layers.length - 1] = withBias(file, node, { last, index, at });
    else throw unfit(file, node, 'the net is no chain of dense layers and activations');
    at = node.output[0]!;
    if (layers.at(-1)!.activation.kind === 'none') taps[layers.length - 1] = at;
  }
  const broken = layers.findIndex((layer, i) => i > 0 && layer.inputs !== layers[i - 1]!.outputs);
  if (layers.length === 0 || broken !== -1) throw unfit(file, null, 'layers do not fit onto each other');
  return { net: layers, taps, sha256 };
}

/** The net with its last activation left out, where it is the sigmoid: what remains gives logits. */
export function withoutSigmoid(net: DenseNet): DenseNet {
  const last = net.at(-1)!;
  return last.activation.kind === 'sigmoid'
    ? [...net.slice(0, -1), { ...last, activation: { kind: 'none' } }]
    : net;
}

interface Place {
  readonly index: GraphIndex;
  readonly at: string;
}

function layerOf(file: string, node: NodeProto, { index, at }: Place): DenseLayer {
  const number = (name: string, otherwise: number) => {
    const found = attributeNamed(node, name);
    return found === undefined
      ? otherwise
      : name.startsWith('trans')
        ? Number(found.i ?? 0)
        : (found.f ?? otherwise);
  };
  const [alpha, beta, transA, transB] = [
    number('alpha', 1),
    number('beta', 1),
    number('transA', 0),
    number('transB', 0),
  ];
  const stored = index.constantOf(node.input[1] ?? '');
  const values = stored === undefined ? null : floatValues(stored);
  const dims = stored === undefined ? [] : tensorDims(stored);
  if (
    node.input[0] !== at ||
    values === null ||
    dims.length !== 2 ||
    alpha !== 1 ||
    beta !== 1 ||
    transA !== 0
  )
    throw unfit(file, node, 'a layer multiplies by a stored float32 matrix');
  const [inputs, outputs] = transB === 0 ? [dims[0]!, dims[1]!] : [dims[1]!, dims[0]!];
  const weight = Float64Array.from(values, (_, to) => {
    if (transB === 0) return values[to]!;
    return values[(to % outputs) * inputs + Math.floor(to / outputs)]!;
  });
  const bias = biasOf(file, node, { index, name: node.input[2], outputs });
  return { inputs, outputs, weight, bias, activation: { kind: 'none' } };
}

function withBias(
  file: string,
  node: NodeProto,
  { last, index, at }: Place & { last: DenseLayer },
): DenseLayer {
  const name = node.input.find((each) => each !== at);
  const more = biasOf(file, node, { index, name, outputs: last.outputs });
  return { ...last, bias: last.bias.map((value, i) => value + more[i]!) };
}

function biasOf(
  file: string,
  node: NodeProto,
  { index, name, outputs }: { index: GraphIndex; name: string | undefined; outputs: number },
): Float64Array {
  if (name === undefined || name === '') return new Float64Array(outputs);
  const stored = index.constantOf(name);
  const values = stored === undefined ? null : floatValues(stored);
  if (values?.length === outputs) return Float64Array.from(values);
  throw unfit(file, node, `a layer adds a stored vector of its ${outputs} outputs`);
}

function unfit(file: string, node: NodeProto | null, what: string): PipelineError {
  const value = node === null ? file : `${node.opType} ${node.name ?? node.output[0] ?? ''}`;
  const remedy = 'Export an MLP: Gemm with Relu, LeakyRelu, Tanh, Softplus or Sigmoid.';
  return new PipelineError({ kind: 'model-invalid', where: file, what, value, remedy });
}
