// Which operators are affine in what flows through them, which bend, and which are neither.

import { type GraphIndex, nodeInputs } from '../graph.ts';
import { int, type NodeProto } from '../proto.ts';
import { attributeNamed, ELEMENT, intAttribute } from '../tensors.ts';
import { elementwise, negated, normalisedByBatch, renamed, summed } from './affine-elementwise.ts';
import { concatenated, gathered, padded, reshaped, sliced, split, transposed } from './affine-layout.ts';
import { averagePooled, convolved, gemm, matMul, reduced } from './affine-sums.ts';
import { type Kink, kinkOf } from './kinks.ts';
import type { Lower } from './lowering.ts';

/** What a node is to the tensors that flow through it. */
export type NodeMeaning =
  | { readonly kind: 'affine'; readonly lower: Lower }
  | { readonly kind: 'kink'; readonly kink: Kink }
  /** `name` for people: the operator, and what makes it neither. */
  | { readonly kind: 'other'; readonly name: string };

interface AffineOperator {
  readonly lower: Lower;
  /** What in the node's inputs or attributes makes it something else than affine, or null. */
  readonly hindrance?: (node: NodeProto, isLive: (name: string) => boolean) => string | null;
}

const AFFINE: Readonly<Record<string, AffineOperator>> = {
  Identity: { lower: renamed },
  Dropout: { lower: renamed, hindrance: onlyFirstLive },
  Cast: {
    lower: renamed,
    hindrance: (node) => (isFloat(int(attributeNamed(node, 'to')?.i)) ? null : 'to integers'),
  },
  Add: { lower: elementwise },
  Sub: { lower: elementwise },
  Sum: { lower: summed },
  Mean: { lower: summed },
  Neg: { lower: negated },
  Mul: { lower: elementwise, hindrance: oneLive },
  Div: { lower: elementwise, hindrance: onlyFirstLive },
  BatchNormalization: { lower: normalisedByBatch, hindrance: trainsOrMoves },
  Gemm: {
    lower: gemm,
    hindrance: (node, isLive) =>
      onlyFirstLive(node, isLive) ?? (intAttribute(node, 'transA', 0) === 1 ? 'with transA' : null),
  },
  MatMul: { lower: matMul, hindrance: oneLive },
  Conv: { lower: convolved, hindrance: onlyFirstLive },
  AveragePool: {
    lower: averagePooled,
    hindrance: (node) => (attributeNamed(node, 'dilations') === undefined ? null : 'with dilations'),
  },
  GlobalAveragePool: { lower: reduced },
  ReduceMean: { lower: reduced, hindrance: onlyFirstLive },
  ReduceSum: { lower: reduced, hindrance: onlyFirstLive },
  Concat: {
    lower: concatenated,
    hindrance: (node, isLive) => (node.input.every(isLive) ? null : 'with a constant'),
  },
  Flatten: { lower: reshaped },
  Reshape: { lower: reshaped, hindrance: onlyFirstLive },
  Squeeze: { lower: reshaped, hindrance: onlyFirstLive },
  Unsqueeze: { lower: reshaped, hindrance: onlyFirstLive },
  Transpose: { lower: transposed },
  Pad: { lower: padded, hindrance: padsOtherwise },
  Slice: { lower: sliced, hindrance: onlyFirstLive },
  Split: { lower: split, hindrance: onlyFirstLive },
  Gather: { lower: gathered, hindrance: onlyFirstLive },
};

/**
 * What a node is, given which tensors are live.
 * @param isLive - tensors that follow the start; the node has at least one among its inputs.
 */
export function nodeMeaning(
  index: GraphIndex,
  node: NodeProto,
  isLive: (name: string) => boolean,
): NodeMeaning {
  const kink = kinkOf(index, node);
  if (kink !== null) return { kind: 'kink', kink };
  const operator = isStandard(node) ? AFFINE[node.opType] : undefined;
  if (operator === undefined) return { kind: 'other', name: node.opType };
  const hindrance = operator.hindrance?.(node, isLive) ?? null;
  if (hindrance !== null) return { kind: 'other', name: `${node.opType} ${hindrance}` };
  return { kind: 'affine', lower: operator.lower };
}

function isStandard({ domain }: NodeProto): boolean {
  return domain === undefined || domain === '' || domain === 'ai.onnx';
}

function isFloat(elemType: number): boolean {
  return elemType === ELEMENT.float || elemType === ELEMENT.double;
}

function oneLive(node: NodeProto, isLive: (name: string) => boolean): string | null {
  return node.input.filter(isLive).length === 1 ? null : 'of two live tensors';
}

function onlyFirstLive(node: NodeProto, isLive: (name: string) => boolean): string | null {
  const isOther = nodeInputs(node).some((name, at) => at > 0 && isLive(name));
  return isOther || !isLive(node.input[0] ?? '') ? 'by a live tensor' : null;
}

function trainsOrMoves(node: NodeProto, isLive: (name: string) => boolean): string | null {
  if (intAttribute(node, 'training_mode', 0) === 1) return 'in training mode';
  return onlyFirstLive(node, isLive);
}

function padsOtherwise(node: NodeProto, isLive: (name: string) => boolean): string | null {
  const mode = Buffer.from(attributeNamed(node, 'mode')?.s ?? []).toString();
  if (mode !== '' && mode !== 'constant') return `with mode ${mode}`;
  return onlyFirstLive(node, isLive);
}
