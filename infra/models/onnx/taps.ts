// The tap finder: pre-activations in any ONNX graph, in the order of its nodes.

import { PipelineError } from '#schemas/errors.ts';
import { geluPreActivation } from './gelu-patterns.ts';
import type { GraphIndex } from './graph.ts';
import type { NodeProto } from './proto.ts';
import { floatAttribute } from './tensors.ts';

/** A pre-activation, before its shape is known. */
export interface FoundTap {
  /** The pre-activation's tensor. */
  readonly name: string;
  /**
   * A tensor that is > 0 exactly where the pre-activation is; reading it lets the runtime fuse the
   * activation.
   */
  readonly observed: string;
  readonly activation: 'Relu' | 'LeakyRelu' | 'PRelu' | 'Clip' | 'Gelu';
  /** True where one bit names the linear piece. */
  readonly exact: boolean;
}

/**
 * Operators that are neither affine nor piecewise linear: with them a code is no exact polytope of the input.
 */
export const INEXACT_OPERATORS: ReadonlySet<string> = new Set([
  'LayerNormalization',
  'SimplifiedLayerNormalization',
  'SkipLayerNormalization',
  'RMSNormalization',
  'GroupNormalization',
  'InstanceNormalization',
  'MeanVarianceNormalization',
  'LpNormalization',
  'LRN',
  'LpPool',
  'GlobalLpPool',
  'Softmax',
  'LogSoftmax',
  'Softplus',
  'Softsign',
  'Gelu',
  'FastGelu',
  'BiasGelu',
  'QuickGelu',
  'Sigmoid',
  'HardSwish',
  'Mish',
  'Swish',
  'Tanh',
  'Erf',
  'Elu',
  'Selu',
  'Celu',
  'Exp',
  'Log',
  'Sqrt',
  'Reciprocal',
  'Pow',
  'Sin',
  'Cos',
  'Attention',
  'MultiHeadAttention',
  'GroupQueryAttention',
  'LSTM',
  'GRU',
  'RNN',
  'ReduceL2',
  'ReduceLogSumExp',
  'ReduceSumSquare',
]);

/** Finds every pre-activation of a graph; one tensor that feeds several activations counts once. */
export function findTaps(index: GraphIndex): FoundTap[] {
  const found = new Map<string, FoundTap>();
  for (const node of index.graph.node) {
    const tap = tapOf(index, node);
    if (tap !== undefined && !found.has(tap.name)) found.set(tap.name, tap);
  }
  return [...found.values()];
}

/**
 * Chooses taps by tensor-name globs (`*` any text, `?` one character), keeping layer order.
 * @throws PipelineError `model-no-taps` where the graph has none, `config-invalid` where a glob matches none.
 */
export function selectTaps(
  taps: readonly FoundTap[],
  wanted: 'auto' | readonly string[],
  file: string,
): FoundTap[] {
  if (taps.length === 0) {
    throw new PipelineError({
      kind: 'model-no-taps',
      what: 'the model has no pre-activation that could be recorded',
      where: file,
      remedy: 'Taps are inputs of Relu, LeakyRelu, PRelu, Clip(0, ...) and Gelu (also as Erf or Tanh).',
    });
  }
  if (wanted === 'auto') return [...taps];
  const chosen = new Set<FoundTap>();
  for (const glob of wanted) {
    const pattern = globPattern(glob);
    const matches = taps.filter((tap) => pattern.test(tap.name));
    if (matches.length === 0) throw unmatched(glob, taps, file);
    for (const tap of matches) chosen.add(tap);
  }
  return taps.filter((tap) => chosen.has(tap));
}

/** Operator types with how often each occurs, most frequent first. */
export function countOperators(
  nodes: readonly NodeProto[],
): { readonly op: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const { opType } of nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  return [...counts]
    .map(([op, count]) => ({ op, count }))
    .sort((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1));
}

function tapOf(index: GraphIndex, node: NodeProto): FoundTap | undefined {
  const [name, observed] = [node.input[0] ?? '', node.output[0] ?? ''];
  switch (node.opType) {
    case 'Relu':
      return { name, observed, activation: 'Relu', exact: true };
    case 'LeakyRelu': {
      // A negative slope maps negative values above 0, so only then must the pre-activation itself be read.
      const keepsSign = floatAttribute(node, 'alpha', 0.01) >= 0;
      return { name, observed: keepsSign ? observed : name, activation: 'LeakyRelu', exact: true };
    }
    case 'PRelu':
      return { name, observed: name, activation: 'PRelu', exact: true };
    case 'Clip':
    case 'Max':
      return clipTap(index, node);
    case 'Gelu':
    case 'FastGelu':
      return node.input.length === 1 ? { name, observed: name, activation: 'Gelu', exact: false } : undefined;
    case 'Erf':
    case 'Tanh': {
      const z = geluPreActivation(index, node);
      return z === undefined ? undefined : { name: z, observed: z, activation: 'Gelu', exact: false };
    }
    default:
      return undefined;
  }
}

/** `Clip(z, 0, max)` and `Max(z, 0)`. A finite max adds a second kink that the bit does not show. */
function clipTap(index: GraphIndex, node: NodeProto): FoundTap | undefined {
  if (node.opType === 'Max') {
    const zero = node.input.findIndex((input) => index.scalarOf(input) === 0);
    const name = node.input[1 - zero];
    if (node.input.length !== 2 || zero < 0 || name === undefined) return undefined;
    return { name, observed: name, activation: 'Relu', exact: true };
  }
  const { lowest, highest } = clipBounds(index, node);
  if (lowest !== 0 || highest === undefined || !(highest > 0)) return undefined;
  const exact = highest > 3.4e38;
  return {
    name: node.input[0] ?? '',
    observed: node.output[0] ?? '',
    activation: exact ? 'Relu' : 'Clip',
    exact,
  };
}

/** Bounds of a Clip; undefined where one is no constant. */
export function clipBounds(
  index: GraphIndex,
  node: NodeProto,
): { readonly lowest: number | undefined; readonly highest: number | undefined } {
  return {
    lowest: boundOf(index, node, 1, 'min', -Infinity),
    highest: boundOf(index, node, 2, 'max', Infinity),
  };
}

// Opset 11 made the bounds inputs; before they were attributes.
function boundOf(
  index: GraphIndex,
  node: NodeProto,
  at: number,
  name: string,
  absent: number,
): number | undefined {
  const input = node.input[at];
  if (input !== undefined && input !== '') return index.scalarOf(input);
  return floatAttribute(node, name, absent);
}

function globPattern(glob: string): RegExp {
  const text = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${text}$`);
}

function unmatched(glob: string, taps: readonly FoundTap[], file: string): PipelineError {
  const shown = taps.slice(0, 40).map((tap) => tap.name);
  if (taps.length > shown.length) shown.push(`and ${taps.length - shown.length} more`);
  return new PipelineError({
    kind: 'config-invalid',
    what: `no pre-activation of ${file} matches`,
    where: 'model.taps',
    value: glob,
    remedy: `Allowed: ${shown.join(', ')}`,
  });
}
