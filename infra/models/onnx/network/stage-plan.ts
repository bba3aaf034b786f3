// Cuts a piecewise-linear graph into stages: all kinks whose inputs are affine in the stage before are crossed together.

import { PipelineError } from '#schemas/errors.ts';
import { nodeInputs } from '../graph.ts';
import type { NodeProto } from '../proto.ts';
import { nodesNeeded, tensorsBehind } from './graph-flow.ts';
import type { Kink } from './kinks.ts';
import type { OpenedModel } from './opened-model.ts';
import { type NodeMeaning, nodeMeaning } from './operators.ts';

/** A node with what it is. */
export interface PlannedNode {
  readonly node: NodeProto;
  readonly meaning: Exclude<NodeMeaning, { readonly kind: 'other' }>;
}

/** The steps between stages. Step `s` leads from state `s - 1` (the start for 0) to state `s`, the last one to the outputs. */
export interface StagePlan {
  readonly start: string;
  isLive(name: string): boolean;
  /** Nodes of each step, in graph order; one step more than there are states. */
  readonly steps: readonly (readonly PlannedNode[])[];
  /** Tensors of each state: those that its kinks bend first, then what later steps still read. */
  readonly states: readonly (readonly string[])[];
  /** Kinks of each state, in graph order. */
  readonly kinks: readonly (readonly Kink[])[];
  readonly outputs: string | null;
}

/** Nodes from a start tensor to the logits and to every tap's activation. */
function nodesBehind(model: OpenedModel, start: string): { nodes: NodeProto[]; live: Set<string> } {
  const all = model.loaded.graph.node;
  const live = tensorsBehind(all, start);
  const ends = model.taps.flatMap(({ info }) =>
    model.index.consumersOf(info.name).flatMap((user) => {
      const meaning = nodeMeaning(model.index, user, (name) => live.has(name));
      return meaning.kind === 'kink' && meaning.kink.kind === 'relu' ? user.output : [info.name];
    }),
  );
  const sinks = [...ends, ...(model.logits === null ? [] : [model.logits.name])];
  const needed = nodesNeeded(all, sinks, new Set([start]));
  return {
    nodes: needed.filter((node) => node.output.some((name) => live.has(name) && name !== start)),
    live,
  };
}

/** Operators between a start and the ends that are neither affine nor a known kink; names as people read them. */
export function inexactOperators(
  model: OpenedModel,
  start: string,
  geluNodes: ReadonlySet<NodeProto>,
): string[] {
  const { nodes, live } = nodesBehind(model, start);
  const names = new Set<string>();
  for (const node of nodes) {
    const meaning = nodeMeaning(model.index, node, (name) => live.has(name));
    if (geluNodes.has(node)) names.add('Gelu');
    else if (meaning.kind === 'other') names.add(meaning.name);
  }
  // A point of a text model is one token's vector, and exact geometry would have to hold the others still.
  if (model.tokens !== null && names.size === 0) names.add('tokens of one sequence');
  return [...names];
}

/**
 * Plans the stages behind a start tensor.
 * @throws PipelineError `model-invalid` naming the operators that are not piecewise linear.
 */
export function planStages(model: OpenedModel, start: string, inexact: readonly string[]): StagePlan {
  if (model.tokens !== null) throw notPiecewiseLinear(model, start, inexact);
  const { nodes, live } = nodesBehind(model, start);
  const isLive = (name: string) => live.has(name);
  // First, as what passes by a start looks like a constant to the operators that it meets.
  checkSeparates(model, start, { nodes, isLive });
  if (inexact.length > 0) throw notPiecewiseLinear(model, start, inexact);
  const planned = nodes.map((node) => ({
    node,
    meaning: nodeMeaning(model.index, node, isLive) as PlannedNode['meaning'],
  }));
  const depths = depthsOf(planned, start, isLive);
  const depthOf = (name: string) => depths.get(name) ?? 0;
  const kinksOf = planned.flatMap(({ meaning }) => (meaning.kind === 'kink' ? [meaning.kink] : []));
  const count = kinksOf.reduce((most, { input }) => Math.max(most, depthOf(input) + 1), 0);
  const outputs = model.logits !== null && live.has(model.logits.name) ? model.logits.name : null;
  const lastUse = new Map<string, number>();
  for (const { node } of planned)
    for (const name of nodeInputs(node)) lastUse.set(name, Math.max(lastUse.get(name) ?? 0, stepOf(node)));
  if (outputs !== null && depthOf(outputs) < count) lastUse.set(outputs, count);
  function stepOf(node: NodeProto): number {
    return depthOf(node.output[0] ?? '');
  }
  const kinks = Array.from({ length: count }, (_, stage) =>
    kinksOf.filter(({ input }) => depthOf(input) === stage),
  );
  return {
    start,
    isLive,
    outputs,
    kinks,
    steps: Array.from({ length: count + 1 }, (_, step) =>
      planned.filter(({ node }) => stepOf(node) === step),
    ),
    states: kinks.map((of, stage) => {
      const carried = [...depths.keys()].filter(
        (name) => depthOf(name) <= stage && (lastUse.get(name) ?? 0) > stage,
      );
      return [...new Set([...of.map(({ input }) => input), ...carried])];
    }),
  };
}

function checkSeparates(
  model: OpenedModel,
  start: string,
  { nodes, isLive }: { nodes: readonly NodeProto[]; isLive: (name: string) => boolean },
): void {
  const passing = nodes.flatMap(nodeInputs).find((name) => model.trace.live.has(name) && !isLive(name));
  if (passing === undefined && model.isFloat(start)) return;
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'exact geometry cannot start here: the tensor does not separate the network, or is of whole numbers',
    where: model.loaded.file,
    value: passing === undefined ? start : `${start}; ${passing} passes by it`,
    remedy: 'tessera inspect lists the spaces that paths may start in.',
  });
}

// How many kinks lie on the longest way from the start to a tensor.
function depthsOf(
  planned: readonly PlannedNode[],
  start: string,
  isLive: (name: string) => boolean,
): Map<string, number> {
  const depths = new Map([[start, 0]]);
  for (const { node, meaning } of planned) {
    const before = nodeInputs(node)
      .filter(isLive)
      .map((name) => depths.get(name) ?? 0);
    const depth = Math.max(...before) + (meaning.kind === 'kink' ? 1 : 0);
    for (const name of node.output) if (name !== '') depths.set(name, depth);
  }
  return depths;
}

function notPiecewiseLinear(
  { loaded }: OpenedModel,
  start: string,
  operators: readonly string[],
): PipelineError {
  return new PipelineError({
    kind: 'model-invalid',
    what: `exact geometry needs a piecewise-linear network, and behind ${start} it is not`,
    where: loaded.file,
    value: operators.join(', '),
    remedy:
      'Start behind these operators (tessera inspect lists the spaces), or use an experiment that samples.',
  });
}
