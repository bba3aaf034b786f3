// What exact geometry makes of a model, operator by operator and space by space.

import type { GeometryInfo, OperatorKind } from '../../../../activities/ports.ts';
import { type GraphIndex, nodeInputs } from '../graph.ts';
import type { NodeProto } from '../proto.ts';
import { INEXACT_OPERATORS } from '../taps.ts';
import { geluNodes } from './activations.ts';
import { tensorsBehind } from './graph-flow.ts';
import { type OpenedModel, tensorNamed } from './opened-model.ts';
import { nodeMeaning } from './operators.ts';
import { inexactOperators } from './stage-plan.ts';
import { startSpaces } from './start-spaces.ts';

/** Each kind of each operator with how often it occurs, in the order in which they first occur. */
export function describeOperators(
  index: GraphIndex,
  { input, logits }: { readonly input: string; readonly logits: string | null },
): GeometryInfo['operators'] {
  const nodes = index.graph.node;
  const live = tensorsBehind(nodes, input);
  const answer = logits === null ? new Set<string>() : tensorsBehind(nodes, logits);
  const gelus = geluNodes(index);
  const counts = new Map<string, { op: string; kind: OperatorKind; count: number }>();
  for (const node of nodes) {
    const isBehind = nodeInputs(node).some((name) => answer.has(name));
    const kind = isBehind ? 'behind the logits' : kindOf(index, node, { live, gelus });
    const row = counts.get(`${node.opType} ${kind}`) ?? { op: node.opType, kind, count: 0 };
    counts.set(`${node.opType} ${kind}`, { ...row, count: row.count + 1 });
  }
  return [...counts.values()];
}

/** The start spaces of a model whose shapes are known. */
export function describeSpaces(model: OpenedModel): NonNullable<GeometryInfo['startSpaces']> {
  const gelus = geluNodes(model.index);
  return startSpaces(model).map(({ name, shape, tapsBefore }) => ({
    name,
    shape,
    tapsBefore,
    inexact: inexactOperators(model, tensorNamed(model, name), gelus),
  }));
}

function kindOf(
  index: GraphIndex,
  node: NodeProto,
  { live, gelus }: { live: ReadonlySet<string>; gelus: ReadonlySet<NodeProto> },
): OperatorKind {
  if (!node.output.some((name) => live.has(name))) return 'constant';
  if (gelus.has(node) || INEXACT_OPERATORS.has(node.opType)) return 'not piecewise linear';
  const meaning = nodeMeaning(index, node, (name) => live.has(name));
  if (meaning.kind === 'affine') return 'affine';
  if (meaning.kind === 'kink') return 'piecewise linear';
  return / live tensors?$/.test(meaning.name) ? 'not piecewise linear' : 'not supported';
}
