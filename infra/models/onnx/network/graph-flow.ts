// What depends on what in a graph: tensors whose values follow a start tensor, and nodes that a result needs.

import { nodeInputs } from '../graph.ts';
import type { NodeProto } from '../proto.ts';

/** Operators whose result follows the shape of their input but not its values. */
const SHAPE_ONLY = new Set(['Shape', 'Size']);

/**
 * Tensors whose values depend on those of `from`, `from` included.
 * @param nodes - in an order in which producers come first, as ONNX asks for.
 */
export function tensorsBehind(nodes: readonly NodeProto[], from: string): Set<string> {
  const behind = new Set([from]);
  for (const node of nodes) {
    if (SHAPE_ONLY.has(node.opType) || !nodeInputs(node).some((name) => behind.has(name))) continue;
    for (const name of node.output) if (name !== '') behind.add(name);
  }
  return behind;
}

/** Nodes that the tensors `of` need, in graph order; the search does not go beyond the tensors of `until`. */
export function nodesNeeded(
  nodes: readonly NodeProto[],
  of: Iterable<string>,
  until: ReadonlySet<string> = new Set(),
): NodeProto[] {
  const needed = new Set(of);
  const kept: NodeProto[] = [];
  for (let at = nodes.length - 1; at >= 0; at--) {
    const node = nodes[at] as NodeProto;
    if (!node.output.some((name) => needed.has(name) && !until.has(name))) continue;
    kept.push(node);
    for (const name of nodeInputs(node)) needed.add(name);
  }
  return kept.reverse();
}

/** Tensors that alone carry everything from what lies before them to what lies behind them, in graph order. */
export function separators(
  nodes: readonly NodeProto[],
  { start, isLive, sinks }: { start: string; isLive: (name: string) => boolean; sinks: ReadonlySet<string> },
): string[] {
  const candidates = [start, ...nodes.flatMap((node) => node.output)];
  return candidates.filter((name) => isLive(name) && separates(nodes, name, { isLive, sinks }));
}

// Behind a separator no node may read a live tensor from before it, and the end must lie behind.
function separates(
  nodes: readonly NodeProto[],
  name: string,
  { isLive, sinks }: { isLive: (name: string) => boolean; sinks: ReadonlySet<string> },
): boolean {
  const behind = tensorsBehind(nodes, name);
  if (![...sinks].every((sink) => behind.has(sink))) return false;
  return nodes.every(
    (node) =>
      !node.output.some((output) => output !== name && behind.has(output)) ||
      nodeInputs(node).every((input) => !isLive(input) || behind.has(input)),
  );
}
