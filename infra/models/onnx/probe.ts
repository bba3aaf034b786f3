// Shapes by running the graph once on zeros: the one way that works for every export, with dynamic axes and
// without value_info.

import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import type { InputTensor, ModelInfo } from '../../../activities/ports.ts';
import { type GraphIndex, trueInputs } from './graph.ts';
import { type TapGeometry, tapGeometry } from './geometry.ts';
import type { LoadedModel } from './load.ts';
import { type GraphProto, int, type ValueInfoProto } from './proto.ts';
import { openRuntime, type RuntimeOptions } from './runtime.ts';
import { sideFeeds } from './side-inputs.ts';
import type { FoundTap } from './taps.ts';
import { ELEMENT, elements } from './tensors.ts';

export type ModelInput = ModelInfo['input'];

/** Most classes whose logits leave the graph; beyond it the answer is made inside. */
export const LOGITS_LIMIT = 256;

/** What one run on zeros tells about a model. */
export interface ProbedModel {
  readonly taps: readonly TapGeometry[];
  readonly logits: { readonly name: string; readonly classes: number } | null;
}

const INPUT_TYPES: Record<number, InputTensor['type']> = {
  [ELEMENT.float]: 'float32',
  [ELEMENT.int64]: 'int64',
  [ELEMENT.int32]: 'int32',
  [ELEMENT.uint8]: 'uint8',
};

/**
 * The graph input that receives the samples.
 * @throws PipelineError `config-invalid` for an unknown name or several candidates, `model-invalid` for an
 * unfit type.
 */
export function chooseInput(graph: GraphProto, wanted: string | undefined, file: string): ModelInput {
  const inputs = trueInputs(graph);
  const names = inputs.map((input) => input.name).join(', ');
  const likely =
    inputs.length === 1 ? inputs : inputs.filter((input) => input.name === (wanted ?? 'input_ids'));
  const [chosen] = wanted === undefined ? likely : inputs.filter((input) => input.name === wanted);
  if (chosen === undefined) {
    const what = wanted === undefined ? `${file} has several inputs` : `${file} has no such input`;
    const value = wanted === undefined ? {} : { value: wanted };
    throw new PipelineError({
      kind: 'config-invalid',
      what,
      where: 'model.input',
      remedy: `Allowed: ${names}`,
      ...value,
    });
  }
  const type = INPUT_TYPES[chosen.type?.tensorType?.elemType ?? 0];
  if (type === undefined) {
    throw new PipelineError({
      kind: 'model-invalid',
      what: `input ${chosen.name} is none of float32, int64, int32 and uint8`,
      where: file,
      remedy: 'Export the model with float32 inputs (or int64 token ids).',
    });
  }
  return { name: chosen.name, type, dims: declaredDims(chosen) };
}

/** Whether samples are sequences of token ids. */
export function isText(input: ModelInput): boolean {
  return (input.type === 'int64' || input.type === 'int32') && input.dims.length === 2;
}

/** @throws PipelineError `shape-mismatch` naming both shapes. */
export function checkSampleShape(input: ModelInput, sample: readonly number[], file: string): void {
  const wanted = input.dims.slice(1);
  const fits =
    input.dims.length === 0 ||
    (wanted.length === sample.length && wanted.every((dim, i) => dim === null || dim === sample[i]));
  if (fits) return;
  const taken = wanted.map((dim) => dim ?? '?').join(', ');
  throw new PipelineError({
    kind: 'shape-mismatch',
    what: `the data set's samples have shape [${sample.join(', ')}] but ${file} takes [${taken}]`,
    where: `input ${input.name}`,
    remedy: 'Set dataset.transform.shape (text: dataset.contextTokens) to the shape that the model takes.',
  });
}

/** Runs the graph once on zeros and reads the shape of every tap and of the logits. */
export async function probeModel(
  loaded: LoadedModel,
  index: GraphIndex,
  found: readonly FoundTap[],
  options: {
    readonly input: ModelInput;
    readonly sampleShape: readonly number[];
    readonly granularity: 'image' | 'position';
  },
): Promise<ProbedModel> {
  const { input, sampleShape, granularity } = options;
  const samples = input.dims[0] ?? 1;
  const runtime: RuntimeOptions = { file: loaded.file, device: 'cpu', threads: 1 };
  const outputs = [
    ...new Set([...found.map((tap) => tap.name), ...loaded.graph.output.map((output) => output.name)]),
  ];
  const session = await openRuntime(
    loaded.model,
    loaded.graph,
    outputs.map((name) => ({ name, elemType: ELEMENT.float })),
    runtime,
  );
  try {
    const dims = [samples, ...sampleShape];
    const feeds = { [input.name]: zeros(input.type, dims), ...sideFeeds(loaded.graph, input.name, dims) };
    const results = await runProbe(session, feeds, loaded.file);
    const tokens = isText(input) ? elements(sampleShape) : null;
    const taps = found.map((tap) =>
      tapGeometry(tap, results[tap.name]?.dims ?? [], index, { granularity, samples, tokens }),
    );
    return { taps, logits: chooseLogits(loaded.graph, results, { samples, tokens }) };
  } finally {
    await session.release();
  }
}

async function runProbe(
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  file: string,
): Promise<InferenceSession.ReturnType> {
  try {
    return await session.run(feeds);
  } catch (error) {
    throw new PipelineError({
      kind: 'model-invalid',
      what: 'the model does not run on a sample of zeros',
      where: file,
      value: (error instanceof Error ? error.message : String(error)).slice(0, 500),
      remedy: 'Check that the sample shape and model.input are what the model takes.',
    });
  }
}

// An output called logits wins; else the first float output with one row per sample (or token).
function chooseLogits(
  graph: GraphProto,
  results: InferenceSession.ReturnType,
  { samples, tokens }: { samples: number; tokens: number | null },
): ProbedModel['logits'] {
  const fitting = graph.output.filter(({ name }) => {
    const { dims, type } = results[name] as Tensor;
    const lead = tokens === null ? [samples] : [samples, tokens];
    return type === 'float32' && dims.length === lead.length + 1 && lead.every((size, i) => size === dims[i]);
  });
  const chosen = fitting.find((output) => output.name === 'logits') ?? fitting[0];
  return chosen === undefined ? null : { name: chosen.name, classes: results[chosen.name]?.dims.at(-1) ?? 0 };
}

/** Elements of a tensor that is tried: 1 GiB of float32. */
const MOST_ELEMENTS = 2 ** 28;

/** A tensor of zeros. @throws PipelineError `model-invalid` for one that no machine's memory is meant for. */
export function zeros(type: InputTensor['type'], dims: readonly number[]): Tensor {
  const count = elements(dims);
  if (count > MOST_ELEMENTS)
    throw new PipelineError({
      kind: 'model-invalid',
      what: 'the model takes an input that is too large to be tried',
      value: `shape [${dims.join(', ')}]`,
      remedy: 'Export it with a free batch dimension, and sizes that one sample has.',
    });
  if (type === 'int64') return new Tensor('int64', new BigInt64Array(count), [...dims]);
  if (type === 'int32') return new Tensor('int32', new Int32Array(count), [...dims]);
  return type === 'uint8'
    ? new Tensor('uint8', new Uint8Array(count), [...dims])
    : new Tensor('float32', new Float32Array(count), [...dims]);
}

function declaredDims(input: ValueInfoProto): (number | null)[] {
  return (input.type?.tensorType?.shape?.dim ?? []).map((dim) =>
    dim.dimValue === undefined ? null : knownSize(int(dim.dimValue)),
  );
}

// Some exporters write 0 or -1 for a free axis.
function knownSize(size: number): number | null {
  return size > 0 ? size : null;
}
