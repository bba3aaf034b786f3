// An index over a graph: who makes a tensor, who uses it, which tensors are constants.

import type { GraphProto, NodeProto, TensorProto } from './proto.ts';
import { attributeNamed, floatValues, intValues } from './tensors.ts';

/** Look-ups over one graph; made once, valid while the graph's nodes stay as they are. */
export interface GraphIndex {
  readonly graph: GraphProto;
  producerOf(tensor: string): NodeProto | undefined;
  consumersOf(tensor: string): readonly NodeProto[];
  /** The tensor of an initializer or a Constant node. */
  constantOf(tensor: string): TensorProto | undefined;
  /** Value of a constant with exactly one element, or undefined. */
  scalarOf(tensor: string): number | undefined;
}

/** Indexes a graph. Nodes that only rename (Identity) are left as they are. */
export function indexGraph(graph: GraphProto): GraphIndex {
  const producers = new Map<string, NodeProto>();
  const consumers = new Map<string, NodeProto[]>();
  const constants = new Map<string, TensorProto>();
  for (const tensor of graph.initializer) constants.set(tensor.name ?? '', tensor);
  for (const node of graph.node) {
    for (const name of node.output) producers.set(name, node);
    for (const name of new Set(node.input)) {
      const users = consumers.get(name);
      if (users === undefined) consumers.set(name, [node]);
      else users.push(node);
    }
    const value = node.opType === 'Constant' ? constantValue(node) : undefined;
    if (value !== undefined) constants.set(node.output[0] ?? '', value);
  }
  return {
    graph,
    producerOf: (tensor) => producers.get(tensor),
    consumersOf: (tensor) => consumers.get(tensor) ?? [],
    constantOf: (tensor) => constants.get(tensor),
    scalarOf: (tensor) => scalar(constants.get(tensor)),
  };
}

/** Names of the graph's true inputs: older exports list initializers as inputs too. */
export function trueInputs(graph: GraphProto): GraphProto['input'] {
  const constants = new Set(graph.initializer.map((tensor) => tensor.name));
  return graph.input.filter((input) => !constants.has(input.name));
}

/** Every tensor that a node reads, those that a body within it takes from the graph around it included. */
export function nodeInputs(node: NodeProto): readonly string[] {
  const bodies = node.attribute.flatMap(({ g, graphs }) => (g ? [g] : (graphs ?? [])));
  if (bodies.length === 0) return node.input;
  const names = new Set(node.input);
  for (const body of bodies) addOuterNames(body, names);
  return [...names];
}

/** Keeps only the nodes and initializers that the outputs need, so unasked outputs cost nothing. */
export function pruneGraph(graph: GraphProto, outputs: readonly string[]): void {
  const needed = new Set(outputs);
  const kept: NodeProto[] = [];
  for (const node of [...graph.node].reverse()) {
    if (!node.output.some((name) => needed.has(name))) continue;
    kept.push(node);
    for (const name of nodeInputs(node)) needed.add(name);
  }
  graph.node = kept.reverse();
  graph.initializer = graph.initializer.filter((tensor) => needed.has(tensor.name ?? ''));
}

// A body may use any tensor of the graph around it; taking every name keeps too much rather than too little.
function addOuterNames(body: GraphProto, needed: Set<string>): void {
  for (const output of body.output) needed.add(output.name);
  for (const node of body.node) {
    for (const name of node.input) needed.add(name);
    for (const attribute of node.attribute) {
      for (const inner of attribute.g ? [attribute.g] : (attribute.graphs ?? []))
        addOuterNames(inner, needed);
    }
  }
}

function constantValue(node: NodeProto): TensorProto | undefined {
  const held = attributeNamed(node, 'value')?.t;
  if (held !== undefined && held !== null) return held;
  const float = attributeNamed(node, 'value_float');
  if (float !== undefined) return { dims: [], dataType: 1, floatData: [float.f ?? 0] };
  const int = attributeNamed(node, 'value_int');
  return int === undefined ? undefined : { dims: [], dataType: 7, int64Data: [int.i ?? 0] };
}

function scalar(tensor: TensorProto | undefined): number | undefined {
  if (tensor === undefined) return undefined;
  const values = floatValues(tensor) ?? intValues(tensor);
  return values?.length === 1 ? values[0] : undefined;
}
