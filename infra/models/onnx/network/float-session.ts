// A float32 session from a start tensor to some others, with a fixed number of samples per run.

import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import { openRuntime } from '../runtime.ts';
import { sideFeeds } from '../side-inputs.ts';
import { ELEMENT, elements } from '../tensors.ts';
import { batchShape, cutGraph, largestTensor } from './cut-graph.ts';
import { tensorsBehind } from './graph-flow.ts';
import { type OpenedModel, sampleShapeOf } from './opened-model.ts';

/** Numbers that the largest tensor of a run may hold. */
const RUN_NUMBERS = 2 ** 21;
const MOST_SAMPLES = 64;

/** Values of the outputs for one run, each `[samples, size]`. */
export type RunOutputs = ReadonlyMap<string, Float32Array>;

export interface FloatSession {
  /** Samples of every run. */
  readonly samples: number;
  /** Numbers per sample of the start tensor. */
  readonly size: number;
  /** Tensors from before the start that the session takes besides it. */
  readonly crossing: readonly string[];
  /** @param start - `[samples, size]`; `crossing` - the same for each crossing tensor. */
  run(start: Tensor['data'], crossing?: ReadonlyMap<string, Float32Array>): Promise<RunOutputs>;
  release(): Promise<void>;
}

/**
 * Opens a session.
 * @throws PipelineError `config-invalid` where an output is no tensor of floats or does not follow the start.
 */
export async function openFloatSession(
  model: OpenedModel,
  { start, outputs, threads }: { start: string; outputs: readonly string[]; threads: number },
): Promise<FloatSession> {
  checkOutputs(model, start, outputs);
  const samples = samplesPerRun(model, { start, outputs });
  const { graph, crossing } = await cutGraph(model, { start, outputs, samples });
  const session = await openRuntime(
    model.loaded.model,
    graph,
    outputs.map((name) => ({ name, elemType: ELEMENT.float })),
    { file: model.loaded.file, device: model.device, threads },
  );
  const isInput = start === model.input.name;
  const dims = isInput ? [samples, ...model.sampleShape] : batchShape(model, start, samples);
  const side = isInput ? sideFeeds(model.loaded.graph, start, dims) : {};
  const type = isInput ? model.input.type : 'float32';
  return {
    samples,
    crossing,
    size: elements(dims) / samples,
    async run(data, others = new Map()) {
      const feeds: Record<string, Tensor> = { ...side, [start]: new Tensor(type, data as never, dims) };
      for (const [name, values] of others)
        feeds[name] = new Tensor('float32', values, batchShape(model, name, samples));
      const taken = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
      return valuesOf(await session.run(Object.fromEntries(taken)), outputs);
    },
    release: () => session.release(),
  };
}

function samplesPerRun(
  model: OpenedModel,
  ends: { readonly start: string; readonly outputs: readonly string[] },
): number {
  // A model that fixes its batch, or runs on single samples only, was traced with what it takes.
  if (typeof model.input.dims[0] === 'number' || model.trace.samples === 1) return model.trace.samples;
  const largest = largestTensor(model, ends);
  let samples = 1;
  while (samples < MOST_SAMPLES && samples * 2 * largest <= RUN_NUMBERS) samples *= 2;
  return samples;
}

function valuesOf(results: InferenceSession.ReturnType, outputs: readonly string[]): RunOutputs {
  return new Map(outputs.map((name) => [name, (results[name] as Tensor).data as Float32Array]));
}

function checkOutputs(model: OpenedModel, start: string, outputs: readonly string[]): void {
  const behind = tensorsBehind(model.loaded.graph.node, start);
  for (const name of outputs) {
    sampleShapeOf(model, name);
    if (model.isFloat(name) && behind.has(name)) continue;
    throw new PipelineError({
      kind: 'config-invalid',
      what: model.isFloat(name) ? `does not depend on ${start}` : 'is no tensor of floats',
      where: `${model.loaded.file}, tensor ${name}`,
      remedy: 'Choose a tensor of floats behind the start; tessera inspect lists the taps.',
    });
  }
}
