// Shapes of every tensor that follows the input, and values of the constants that nodes compute, from one run on zeros.

import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import { type GraphIndex, nodeInputs } from '../graph.ts';
import type { LoadedModel } from '../load.ts';
import { type ModelInput, zeros } from '../probe.ts';
import type { NodeProto } from '../proto.ts';
import { openRuntime } from '../runtime.ts';
import { sideFeeds } from '../side-inputs.ts';
import { ELEMENT, node } from '../tensors.ts';
import { type ConstantTensor, constantTensor } from './constants.ts';
import { tensorsBehind } from './graph-flow.ts';

/** What one run on zeros shows of a model. */
export interface Trace {
  /** Samples that the run had: the first axis of shapes is a multiple of it. */
  readonly samples: number;
  /** Tensors whose values follow the input's. */
  readonly live: ReadonlySet<string>;
  /** Shape of a live tensor for `samples` samples. */
  shapeOf(name: string): readonly number[] | undefined;
  /** Value of a tensor that does not follow the input, stored or computed; null for text and truth values. */
  constantOf(name: string): ConstantTensor | null;
}

/** Two samples tell an axis of samples from one of size 1; some exports run on a single one only. */
const SAMPLES = [2, 1];

/**
 * Runs the model on zeros.
 * @throws PipelineError `model-invalid` where it does not run on them.
 */
export async function traceModel(
  loaded: LoadedModel,
  index: GraphIndex,
  { input, sampleShape }: { input: ModelInput; sampleShape: readonly number[] },
): Promise<Trace> {
  const { node: nodes } = loaded.graph;
  const live = tensorsBehind(nodes, input.name);
  const computed = computedConstants(nodes, index, live);
  const shapes = new Map([...live].map((name, i) => [name, `tessera/shape_${i}`]));
  const added = [...shapes].map(([name, shape]) => node('Shape', [name], [shape]));
  const outputs = [...shapes.values(), ...computed];
  const { samples, results } = await firstThatRuns(
    typeof input.dims[0] === 'number' ? [input.dims[0]] : SAMPLES,
    (count) => runOnZeros(loaded, { input, dims: [count, ...sampleShape], added, outputs }),
  );
  const dims = new Map([...shapes].map(([name, shape]) => [name, numbers(results[shape] as Tensor)]));
  return {
    samples,
    live,
    shapeOf: (name) => dims.get(name),
    constantOf(name) {
      const stored = index.constantOf(name);
      if (stored !== undefined) return constantTensor(stored);
      const value = results[name];
      return value === undefined || computed.has(name) === false ? null : fromTensor(value);
    },
  };
}

async function firstThatRuns(
  [samples = 1, ...fewer]: readonly number[],
  run: (samples: number) => Promise<InferenceSession.ReturnType>,
): Promise<{ samples: number; results: InferenceSession.ReturnType }> {
  try {
    return { samples, results: await run(samples) };
  } catch (error) {
    if (fewer.length === 0) throw error;
    return firstThatRuns(fewer, run);
  }
}

/** Values of tensors for a batch of zeros: for those that follow only the batch's shape. */
export async function runOnZeros(
  { model, graph, file }: LoadedModel,
  {
    input,
    dims,
    outputs,
    added = [],
  }: {
    input: ModelInput;
    dims: readonly number[];
    outputs: readonly string[];
    added?: readonly NodeProto[];
  },
): Promise<InferenceSession.ReturnType> {
  // ONNX Runtime infers the type of an output that states none.
  const wanted = {
    ...graph,
    node: [...graph.node, ...added],
    output: outputs.map((name) => ({ name })),
  };
  const named = outputs.map((name) => ({ name, elemType: ELEMENT.float }));
  const session = await openRuntime(model, wanted, named, { file, device: 'cpu', threads: 1 });
  try {
    const feeds = { [input.name]: zeros(input.type, dims), ...sideFeeds(graph, input.name, dims) };
    return await session.run(
      Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name))),
    );
  } catch (error) {
    throw new PipelineError({
      kind: 'model-invalid',
      what: `the model does not run on zeros of shape [${dims.join(', ')}]`,
      where: file,
      value: (error instanceof Error ? error.message : String(error)).slice(0, 500),
      remedy: 'Check that the sample shape and model.input are what the model takes.',
    });
  } finally {
    await session.release();
  }
}

/** Tensors that nodes compute without the input's values and that nodes behind the input read. */
function computedConstants(
  nodes: readonly NodeProto[],
  index: GraphIndex,
  live: ReadonlySet<string>,
): Set<string> {
  const computed = new Set<string>();
  for (const behind of nodes) {
    if (!behind.output.some((name) => live.has(name))) continue;
    for (const name of nodeInputs(behind)) {
      const isComputed = index.producerOf(name) !== undefined && index.constantOf(name) === undefined;
      if (isComputed && !live.has(name)) computed.add(name);
    }
  }
  return computed;
}

function fromTensor({ data, dims, type }: Tensor): ConstantTensor | null {
  return type === 'string'
    ? null
    : { dims: [...dims], values: Float64Array.from(data as Float32Array, Number) };
}

function numbers({ data }: Tensor): number[] {
  return Array.from(data as BigInt64Array, Number);
}
