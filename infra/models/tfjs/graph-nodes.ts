// GraphDef nodes as JSON: attributes, order, look-ups, and the split of fused activations from their linear operator.

import type { GraphNode } from './artifacts.ts';

const FUSED = new Set(['_FusedMatMul', '_FusedConv2D', 'FusedDepthwiseConv2dNative']);
/** Activations that a fused node may end in, with the node type that does the same on its own. */
const SPLIT: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
};

/** Name of the node that makes a tensor: `name`, `name:0`; control inputs (`^name`) make none. */
export function nodeName(tensor: string): string {
  return tensor.replace(/^\^/, '').replace(/:\d+$/, '');
}

/** Data inputs of a node, as node names. */
export function inputsOf(node: GraphNode): string[] {
  return (node.input ?? []).filter((name) => !name.startsWith('^')).map(nodeName);
}

/** String attribute: GraphDefs in JSON hold strings in base64, some writers as character codes. */
export function stringAttribute(node: GraphNode, name: string): string | undefined {
  const held = (node.attr?.[name] as { s?: unknown } | undefined)?.s;
  return held === undefined ? undefined : decode(held);
}

/** List-of-strings attribute, lower case. */
export function stringsAttribute(node: GraphNode, name: string): string[] {
  const list = (node.attr?.[name] as { list?: { s?: unknown[] } } | undefined)?.list?.s ?? [];
  return list.map((held) => decode(held).toLowerCase());
}

/** List-of-integers attribute; JSON writes int64 as text. */
export function integersAttribute(node: GraphNode, name: string): number[] {
  const list = (node.attr?.[name] as { list?: { i?: unknown[] } } | undefined)?.list?.i ?? [];
  return list.map(Number);
}

/** Number attribute, or `absent`. */
export function numberAttribute(node: GraphNode, name: string, absent: number): number {
  const { f, i } = (node.attr?.[name] as { f?: number; i?: number | string } | undefined) ?? {};
  return f ?? (i === undefined ? absent : Number(i));
}

export function booleanAttribute(node: GraphNode, name: string): boolean {
  return (node.attr?.[name] as { b?: boolean } | undefined)?.b ?? false;
}

/**
 * Splits `fused_ops: [BiasAdd, Relu]` into the linear node `<name>/preactivation` and the activation, which keeps the
 * name. The bias stays fused.
 */
export function splitFusedActivations(nodes: readonly GraphNode[]): GraphNode[] {
  return nodes.flatMap((node) => {
    const [first, activation = ''] = stringsAttribute(node, 'fused_ops');
    const op = SPLIT[activation];
    if (!FUSED.has(node.op) || first !== 'biasadd' || op === undefined) return [node];
    const inputs = node.input ?? [];
    const name = `${node.name}/preactivation`;
    const attr = { ...node.attr, fused_ops: { list: { s: [encode('BiasAdd')] } }, num_args: { i: '1' } };
    const alpha = numberAttribute(node, 'leakyrelu_alpha', 0.2);
    // The slopes of PReLU are the last of the fused node's data inputs: [a, b, bias, slopes].
    const slopes = op === 'Prelu' ? inputs.slice(3, 4) : [];
    return [
      { ...node, name, input: inputs.filter((input) => !slopes.includes(input)), attr },
      {
        name: node.name,
        op,
        input: [name, ...slopes],
        attr: { T: node.attr?.['T'], ...(op === 'LeakyRelu' ? { alpha: { f: alpha } } : {}) },
      },
    ];
  });
}

/** Nodes so that every node comes after its inputs; nodes that are ready keep their order. */
export function inOrderOfExecution(nodes: readonly GraphNode[]): GraphNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const done = new Set<string>();
  const ordered: GraphNode[] = [];
  for (const root of nodes) {
    const stack = [root];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const waiting = inputsOf(node)
        .map((name) => byName.get(name))
        .filter(
          (input) => input !== undefined && !done.has(input.name) && !stack.includes(input),
        ) as GraphNode[];
      if (waiting.length > 0) {
        stack.push(waiting[0]!);
        continue;
      }
      stack.pop();
      if (done.has(node.name)) continue;
      done.add(node.name);
      ordered.push(node);
    }
  }
  return ordered;
}

function decode(held: unknown): string {
  if (Array.isArray(held)) return String.fromCharCode(...(held as number[]));
  return Buffer.from(String(held), 'base64').toString('latin1');
}

function encode(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64');
}
