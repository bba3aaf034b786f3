// The tap finder for graph models. GELU patterns are matched by the ONNX finder, over a view of these nodes in its terms.

import { geluPreActivation } from '../onnx/gelu-patterns.ts';
import type { GraphIndex } from '../onnx/graph.ts';
import type { NodeProto } from '../onnx/proto.ts';
import type { GraphNode } from './artifacts.ts';
import { inputsOf } from './graph-nodes.ts';
import { type NetTap, netTap } from './net.ts';

/** The nodes of a graph by name, and its small constants. */
export interface GraphLookup {
  readonly nodes: readonly GraphNode[];
  readonly byName: ReadonlyMap<string, GraphNode>;
  /** Value of a constant with one element. */
  scalarOf(name: string): number | undefined;
}

const CONV_OPS = new Set([
  'Conv1D',
  'Conv2D',
  '_FusedConv2D',
  'Conv2DBackpropInput',
  'DepthwiseConv2d',
  'DepthwiseConv2dNative',
  'FusedDepthwiseConv2dNative',
]);
const ONNX_NAMES: Readonly<Record<string, string>> = { AddV2: 'Add', BiasAdd: 'Add', RealDiv: 'Div' };

/** Every pre-activation of a graph whose fused activations were split, in order of its nodes; a tensor counts once. */
export function findGraphTaps(graph: GraphLookup): NetTap[] {
  const found = new Map<string, NetTap>();
  const gelu = geluFinder(graph);
  for (const node of graph.nodes) {
    const tap = tapOf(graph, node, gelu);
    if (tap !== undefined && !found.has(tap.name)) found.set(tap.name, tap);
  }
  return [...found.values()];
}

function tapOf(
  graph: GraphLookup,
  node: GraphNode,
  gelu: (node: GraphNode) => string | undefined,
): NetTap | undefined {
  const [name, low, high] = inputsOf(node);
  if (name === undefined) return undefined;
  const tap = (pre: string, activation: NetTap['activation']): NetTap =>
    netTap(pre, activation, comesFromConv(graph, pre));
  switch (node.op) {
    case 'Relu':
      return tap(name, 'Relu');
    case 'Relu6':
      return tap(name, 'Clip');
    case 'LeakyRelu':
      return tap(name, 'LeakyRelu');
    case 'Prelu':
      return tap(name, 'PRelu');
    case 'ClipByValue':
      return graph.scalarOf(low ?? '') === 0 && (graph.scalarOf(high ?? '') ?? 0) > 0
        ? tap(name, 'Clip')
        : undefined;
    case 'Maximum': {
      const zero = [name, low ?? ''].findIndex((input) => graph.scalarOf(input) === 0);
      return zero < 0 ? undefined : tap([name, low ?? ''][1 - zero]!, 'Relu');
    }
    case 'Erf':
    case 'Tanh': {
      const pre = gelu(node);
      return pre === undefined ? undefined : tap(pre, 'Gelu');
    }
    default:
      return undefined;
  }
}

function geluFinder(graph: GraphLookup): (node: GraphNode) => string | undefined {
  const views = new Map<string, NodeProto>();
  const users = new Map<string, NodeProto[]>();
  for (const node of graph.nodes) {
    const input = node.op === 'Square' ? [...inputsOf(node), ...inputsOf(node)] : inputsOf(node);
    const opType = node.op === 'Square' ? 'Mul' : (ONNX_NAMES[node.op] ?? node.op);
    const view: NodeProto = { opType, input, output: [node.name], attribute: [] };
    views.set(node.name, view);
    for (const name of new Set(input)) users.set(name, [...(users.get(name) ?? []), view]);
  }
  const index: GraphIndex = {
    graph: { node: [...views.values()], initializer: [], input: [], output: [], valueInfo: [] },
    producerOf: (name) => views.get(name),
    consumersOf: (name) => users.get(name) ?? [],
    constantOf: (name) =>
      (graph.byName.get(name)?.op === 'Const' ? {} : undefined) as ReturnType<GraphIndex['constantOf']>,
    scalarOf: graph.scalarOf,
  };
  return (node) => geluPreActivation(index, views.get(node.name)!);
}

function comesFromConv(graph: GraphLookup, name: string, depth = 8): boolean {
  const node = graph.byName.get(name);
  if (node === undefined || depth === 0 || node.op === 'MatMul' || node.op === '_FusedMatMul') return false;
  return CONV_OPS.has(node.op) || inputsOf(node).some((input) => comesFromConv(graph, input, depth - 1));
}
