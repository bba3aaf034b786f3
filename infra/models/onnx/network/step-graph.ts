// One step between two states as a float64 graph: in goes a state, flat; out comes the next one, flat.

import { PipelineError } from '#schemas/errors.ts';
import type { GraphProto, ModelProto } from '../proto.ts';
import { elements } from '../tensors.ts';
import { createFloat64Graph, type Float64Graph } from './float64-graph.ts';
import { lowerKink } from './kinks.ts';
import type { Lowering } from './lowering.ts';
import { type OpenedModel, sampleShapeOf } from './opened-model.ts';
import type { PlannedNode, StagePlan } from './stage-plan.ts';

/** Names of a step's only input and output. */
export const STEP = { input: 'state', output: 'next' } as const;

/** A tensor's place among the columns of a state. */
export interface Column {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

/** The tensors of a state one behind the other. */
export function columnsOf(model: OpenedModel, tensors: readonly string[]): Column[] {
  let offset = 0;
  return tensors.map((name) => {
    const size = elements(sampleShapeOf(model, name));
    offset += size;
    return { name, offset: offset - size, size };
  });
}

/** Columns of a state in all. */
export function widthOf(columns: readonly Column[]): number {
  return columns.reduce((sum, { size }) => sum + size, 0);
}

/** A step's model, and the most numbers that one of its tensors holds per point. */
export interface StepGraph {
  readonly model: ModelProto;
  readonly graph: GraphProto;
  readonly inputs: number;
  readonly outputs: number;
  readonly largest: number;
}

/**
 * Writes one step.
 * @throws PipelineError `model-invalid` where an operator works across samples.
 */
export function stepGraph(
  model: OpenedModel,
  { isLive }: Pick<StagePlan, 'isLive'>,
  step: {
    readonly nodes: readonly PlannedNode[];
    readonly from: readonly Column[];
    readonly to: readonly Column[];
  },
): StepGraph {
  const graph = createFloat64Graph();
  const lowering = loweringOf(model, { graph, isLive, from: step.from });
  let largest = Math.max(widthOf(step.from), widthOf(step.to));
  for (const { node, meaning } of step.nodes) {
    const lower = meaning.kind === 'kink' ? lowerKink(model.index, meaning.kink) : meaning.lower;
    const outputs = lower(node, lowering);
    outputs.forEach((lowered, at) => {
      const name = node.output[at] ?? '';
      lowering.put(name, lowered);
      largest = Math.max(largest, elements(lowering.shape(name)));
    });
  }
  const flat = step.to.map(({ name, size }) => graph.reshape(lowering.tensor(name), [1, size]));
  const state = flat.length === 1 ? (flat[0] as string) : graph.add('Concat', flat, { axis: 1 });
  const [inputs, outputs] = [widthOf(step.from), widthOf(step.to)];
  const built = graph.model({ name: STEP.input, width: inputs }, { name: STEP.output, tensor: state });
  return { ...built, inputs, outputs, largest: Math.max(largest, graph.largest()) };
}

interface RunningLowering extends Lowering {
  put(name: string, lowered: string): void;
}

function loweringOf(
  model: OpenedModel,
  {
    graph,
    isLive,
    from,
  }: { graph: Float64Graph; isLive: (name: string) => boolean; from: readonly Column[] },
): RunningLowering {
  const lowered = new Map<string, string>();
  const columns = new Map(from.map((column) => [column.name, column]));
  const shape = (name: string) => sampleShapeOf(model, name);
  const isAlone = from.length === 1;
  function tensor(name: string): string {
    const done = lowered.get(name);
    if (done !== undefined) return done;
    const column = columns.get(name);
    if (column === undefined) throw new Error(`tensor ${name} is in no state`);
    const bounds = [column.offset, column.offset + column.size, 1].map((at) => graph.integers([1], [at]));
    const flat = isAlone ? STEP.input : graph.add('Slice', [STEP.input, ...bounds]);
    const shaped = graph.reshape(flat, shape(name));
    lowered.set(name, shaped);
    return shaped;
  }
  return {
    graph,
    isLive,
    shape,
    tensor,
    samples: model.trace.samples,
    put: (name, value) => {
      lowered.set(name, value);
    },
    constant(name) {
      const value = model.trace.constantOf(name);
      if (value !== null) return value;
      throw new PipelineError({
        kind: 'model-invalid',
        what: 'a constant is neither of floats nor of integers',
        where: `${model.loaded.file}, tensor ${name}`,
        remedy: 'Export the model in float32.',
      });
    },
  };
}
