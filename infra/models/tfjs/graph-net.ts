// Graph models: taps are tensors of the graph, fetched by name once fused activations are split off.

import type { GraphModel, Tensor } from '@tensorflow/tfjs';
import { INEXACT_OPERATORS } from '../onnx/taps.ts';
import { type GraphNode, invalid, type TfjsArtifacts } from './artifacts.ts';
import { inOrderOfExecution, inputsOf, splitFusedActivations, stringAttribute } from './graph-nodes.ts';
import { type ScalePlan, planScale } from './graph-scale.ts';
import { findGraphTaps, type GraphLookup } from './graph-taps.ts';
import { countNames, type Forward, type ForwardOptions, type NetTap, type TfjsNet } from './net.ts';
import type { Tf } from './runtime.ts';

const INEXACT_HERE = new Set([
  'Rsqrt',
  'Square',
  'SquaredDifference',
  'Expm1',
  'Log1p',
  'LogSoftmax',
  'Atan',
  'Sinh',
  'Cosh',
]);
const CONTROL_FLOW = new Set([
  'Switch',
  'Merge',
  'Enter',
  'Exit',
  'NextIteration',
  'While',
  'StatelessWhile',
  'If',
  'StatelessIf',
]);

interface GraphParts {
  readonly model: GraphModel;
  readonly taps: readonly NetTap[];
  readonly scales: readonly ScalePlan[];
  readonly inputName: string;
  readonly logits: string;
}

/** A graph model with taps on every ReLU-like or GELU pre-activation. */
export async function openGraphNet(tf: Tf, artifacts: TfjsArtifacts): Promise<TfjsNet> {
  const original = artifacts.topology['node'] as GraphNode[];
  const looping = original.find(({ op }) => CONTROL_FLOW.has(op));
  if (looping !== undefined)
    throw invalid(
      artifacts.file,
      'graphs with control flow are not supported',
      `${looping.op} ${looping.name}`,
    );
  const nodes = inOrderOfExecution(splitFusedActivations(original));
  const model = await load(tf, artifacts, nodes);
  const [input, ...others] = model.inputs;
  if (input === undefined || others.length > 0) {
    const names = model.inputs.map(({ name }) => name).join(', ');
    model.dispose();
    throw invalid(artifacts.file, 'the graph does not have one input', names);
  }
  const lookup = lookUp(nodes, model.weights);
  const output = model.outputs[0]!;
  const logits = beforeSoftmax(lookup, output.name);
  const taps = findGraphTaps(lookup);
  const closing = logits === output.name ? [] : ['Softmax'];
  const parts = {
    model,
    taps,
    logits,
    scales: taps.map(({ name }) => planScale(lookup, name)),
    inputName: input.name,
  };
  return {
    input: {
      name: input.name,
      dtype: input.dtype,
      isText: input.dtype === 'int32' && input.shape?.length === 2,
      dims: freeDims(input.shape),
    },
    output: { name: output.name, dims: freeDims(output.shape ?? signatureShape(artifacts, output.name)) },
    taps,
    layout: nodes.some((node) => stringAttribute(node, 'data_format') === 'NCHW') ? 'nchw' : 'nhwc',
    operators: countNames(original.map(({ op }) => op)),
    inexact: countNames(without(original.map(({ op }) => op).filter(isInexact), closing)),
    forward: (tensor, options) => tf.tidy(() => run(tf, parts, tensor, options) as never) as Forward,
    dispose: () => model.dispose(),
  };
}

async function load(tf: Tf, artifacts: TfjsArtifacts, nodes: readonly GraphNode[]): Promise<GraphModel> {
  const { topology, weightSpecs, weightData, signature } = artifacts;
  try {
    return await tf.loadGraphModel(
      tf.io.fromMemory({
        modelTopology: { versions: {}, ...topology, node: nodes },
        weightSpecs: [...weightSpecs],
        weightData: weightData.buffer,
        ...(signature === null ? {} : { signature }),
      }),
    );
  } catch (cause) {
    throw invalid(
      artifacts.file,
      'TensorFlow.js cannot load this graph model',
      (cause as Error).message.split('\n')[0],
    );
  }
}

function run(tf: Tf, parts: GraphParts, input: Tensor, { taps, withScales }: ForwardOptions): Forward {
  const { model, inputName } = parts;
  const plans = withScales ? taps.map((tap) => parts.scales[tap]!) : [];
  const names = taps.map((tap) => parts.taps[tap]!.name);
  const wanted = [...new Set([...names, parts.logits, ...plans.flatMap(({ needs }) => needs)])];
  const outputs = model.execute({ [inputName]: input }, wanted) as Tensor | Tensor[];
  const fetched = new Map(wanted.map((name, i) => [name, Array.isArray(outputs) ? outputs[i]! : outputs]));
  const tensorOf = (name: string): Tensor => fetched.get(name) ?? model.weights[name]![0]!;
  return {
    taps: names.map(tensorOf),
    logits: tensorOf(parts.logits),
    scales: withScales ? plans.map((plan) => plan.evaluate(tf, tensorOf)) : null,
  };
}

function lookUp(nodes: readonly GraphNode[], weights: GraphModel['weights']): GraphLookup {
  const scalars = new Map<string, number>();
  for (const [name, [tensor]] of Object.entries(weights)) {
    if (tensor?.size === 1 && tensor.dtype !== 'string') scalars.set(name, Number(tensor.dataSync()[0]));
  }
  const byName = new Map(nodes.map((node) => [node.name, node]));
  return { nodes, byName, scalarOf: (name) => scalars.get(name) };
}

// A classifier that ends in softmax: what it is applied to are the logits.
function beforeSoftmax(graph: GraphLookup, output: string): string {
  let name = output.replace(/:\d+$/, '');
  for (let node = graph.byName.get(name); node !== undefined; node = graph.byName.get(name)) {
    const [input = ''] = inputsOf(node);
    if (node.op === 'Softmax') return input;
    if (node.op !== 'Identity') return output;
    name = input;
  }
  return output;
}

function freeDims(shape: readonly number[] | undefined): (number | null)[] {
  return (shape ?? []).map((size) => (size < 0 ? null : size));
}

// TensorFlow.js gives shapes of inputs only.
function signatureShape({ signature }: TfjsArtifacts, output: string): number[] {
  const outputs = (signature?.['outputs'] ?? {}) as Record<
    string,
    { name?: string; tensorShape?: { dim?: { size?: string }[] } }
  >;
  const found = Object.values(outputs).find(({ name }) => name?.replace(/:0$/, '') === output);
  return (found?.tensorShape?.dim ?? []).map(({ size }) => Number(size ?? -1));
}

function isInexact(op: string): boolean {
  return INEXACT_OPERATORS.has(op) || INEXACT_HERE.has(op);
}

function without(ops: string[], once: readonly string[]): string[] {
  for (const op of once) ops.splice(ops.indexOf(op), 1);
  return ops;
}
