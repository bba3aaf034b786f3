// Around a tap: the tensor behind its activation, and the nodes that a decomposed GELU is made of.

import { decomposedGelu } from '../gelu-patterns.ts';
import type { GraphIndex } from '../graph.ts';
import type { NodeProto } from '../proto.ts';
import { nodesNeeded, tensorsBehind } from './graph-flow.ts';
import { kinkOf } from './kinks.ts';

const GELU_OPERATORS = new Set(['Gelu', 'FastGelu']);

/** The tensor that holds the post-activations of a tap: of the first activation, where a tensor feeds several. */
export function activationOf(index: GraphIndex, tap: string): string {
  for (const node of index.graph.node) {
    const kink = kinkOf(index, node);
    const isHere = kink !== null && kink.kind === 'relu' && kink.input === tap;
    if (isHere || (GELU_OPERATORS.has(node.opType) && node.input[0] === tap)) return node.output[0] ?? '';
    const gelu = decomposedGelu(index, node);
    if (gelu?.z === tap) return gelu.output;
  }
  throw new Error(`no activation behind tap ${tap}`);
}

/** Nodes that are, or are part of, a GELU. */
export function geluNodes(index: GraphIndex): Set<NodeProto> {
  const found = new Set<NodeProto>();
  for (const node of index.graph.node) {
    if (GELU_OPERATORS.has(node.opType)) found.add(node);
    const gelu = decomposedGelu(index, node);
    if (gelu === undefined) continue;
    const behind = tensorsBehind(index.graph.node, gelu.z);
    for (const part of nodesNeeded(index.graph.node, [gelu.output], new Set([gelu.z])))
      if (part.output.some((name) => behind.has(name) && name !== gelu.z)) found.add(part);
  }
  return found;
}
