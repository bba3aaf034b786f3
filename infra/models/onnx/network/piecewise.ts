// Exact geometry of an ONNX graph: a float64 session per step between two stages.

import { PipelineError } from '#schemas/errors.ts';
import type { DenseStep, PiecewiseNet } from '../../../../activities/polytope/piecewise-net.ts';
import { elements } from '../tensors.ts';
import { openRuntime } from '../runtime.ts';
import { denseStep } from './dense-step.ts';
import { type OpenedModel, sampleShapeOf } from './opened-model.ts';
import { blockRows, type PointSession, runPoints } from './point-blocks.ts';
import type { StagePlan } from './stage-plan.ts';
import { stageTaps } from './stage-units.ts';
import { type Column, columnsOf, STEP, stepGraph, widthOf } from './step-graph.ts';
import { ELEMENT } from '../tensors.ts';

/**
 * Opens every step of a plan.
 * @param options.name - what the start is called: `input`, or a tensor.
 * @throws PipelineError `model-invalid` where an operator works across samples.
 */
export async function openPiecewise(
  model: OpenedModel,
  plan: StagePlan,
  { name, threads }: { readonly name: string; readonly threads: number },
): Promise<PiecewiseNet> {
  const shape = startShape(model, plan.start);
  const columns = plan.states.map((tensors) => columnsOf(model, tensors));
  const { taps, units } = stageTaps(model, plan.kinks, columns);
  const outputs = plan.outputs === null ? [] : columnsOf(model, [plan.outputs]);
  const sessions = await openSteps(model, plan, { columns, outputs, threads });
  const dense = new Map<number, DenseStep | null>();
  return {
    dtype: 'float64',
    start: { name, size: elements(shape), shape },
    taps,
    stages: columns.map((of, stage) => ({ width: widthOf(of), taps: units[stage] ?? [] })),
    outputs: widthOf(outputs),
    async advance(stage, values, points) {
      const session = sessions[stage];
      if (session === undefined) return new Float64Array();
      checkPoints(session, values, points);
      return runPoints(session, values, points);
    },
    dense(stage) {
      if (!dense.has(stage)) dense.set(stage, denseInto(model, plan, stage));
      return dense.get(stage) ?? null;
    },
    async close() {
      for (const running of sessions) await running?.session.release();
    },
  };
}

// The first size of a shape is 1 unless the graph folds something into the axis of samples.
function startShape(model: OpenedModel, start: string): readonly number[] {
  const [first = 1, ...rest] = sampleShapeOf(model, start);
  return first === 1 && rest.length > 0 ? rest : [first, ...rest];
}

async function openSteps(
  model: OpenedModel,
  plan: StagePlan,
  {
    columns,
    outputs,
    threads,
  }: { columns: readonly (readonly Column[])[]; outputs: readonly Column[]; threads: number },
): Promise<(PointSession | undefined)[]> {
  const sessions: (PointSession | undefined)[] = [];
  try {
    for (const [step, nodes] of plan.steps.entries()) {
      const from = step === 0 ? columnsOf(model, [plan.start]) : (columns[step - 1] ?? []);
      const to = columns[step] ?? outputs;
      sessions.push(to.length === 0 ? undefined : await openStep(model, plan, { nodes, from, to, threads }));
    }
  } catch (error) {
    for (const running of sessions) await running?.session.release();
    throw error;
  }
  return sessions;
}

async function openStep(
  model: OpenedModel,
  plan: StagePlan,
  { threads, ...step }: Parameters<typeof stepGraph>[2] & { readonly threads: number },
): Promise<PointSession> {
  const { graph, model: proto, inputs, outputs, largest } = stepGraph(model, plan, step);
  const options = { file: model.loaded.file, device: 'cpu', threads } as const;
  const wanted = [{ name: STEP.output, elemType: ELEMENT.double }];
  return {
    session: await openRuntime(proto, graph, wanted, options),
    input: { name: STEP.input, width: inputs },
    output: { name: STEP.output, width: outputs },
    rows: blockRows(largest),
  };
}

function denseInto(model: OpenedModel, plan: StagePlan, step: number): DenseStep | null {
  const { states, steps, kinks, outputs } = plan;
  const from = states[step - 1];
  const to = states[step] ?? (outputs === null ? [] : [outputs]);
  if (from === undefined) return null;
  return denseStep(model, { nodes: steps[step] ?? [], from, to, kinks: kinks[step - 1] ?? [] });
}

function checkPoints({ input }: PointSession, values: Float64Array, points: number): void {
  if (values.length === points * input.width) return;
  throw new PipelineError({
    kind: 'shape-mismatch',
    what: `${points} points need ${points * input.width} values`,
    where: 'advance',
    value: `${values.length} values`,
  });
}
