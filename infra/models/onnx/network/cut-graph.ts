// The part of a graph between a start tensor and the tensors that are asked for, unmodified and in float32.

import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { nodeInputs } from '../graph.ts';
import type { GraphProto, TensorProto, ValueInfoProto } from '../proto.ts';
import { ELEMENT, elements } from '../tensors.ts';
import { nodesNeeded, tensorsBehind } from './graph-flow.ts';
import { type OpenedModel, sampleShapeOf } from './opened-model.ts';
import { runOnZeros } from './trace.ts';

/** A cut whose shapes are fixed to a number of samples. */
export interface CutGraph {
  readonly graph: GraphProto;
  /** Tensors from before the cut, not the start, that nodes behind it read and that follow the input. */
  readonly crossing: readonly string[];
}

const ELEMENT_OF: Readonly<Record<string, number>> = {
  float32: ELEMENT.float,
  float64: ELEMENT.double,
  int64: ELEMENT.int64,
  int32: ELEMENT.int32,
  uint8: ELEMENT.uint8,
  int8: ELEMENT.int8,
  bool: ELEMENT.bool,
};

/** Cuts the graph; what depends on shapes only is worked out for `samples` samples and becomes constant. */
export async function cutGraph(
  model: OpenedModel,
  { start, outputs, samples }: { start: string; outputs: readonly string[]; samples: number },
): Promise<CutGraph> {
  const { loaded, index, trace, input } = model;
  if (start === input.name) return { graph: loaded.graph, crossing: [] };
  const behind = tensorsBehind(loaded.graph.node, start);
  const needed = nodesNeeded(loaded.graph.node, outputs, new Set([start]));
  const kept = needed.filter(
    ({ opType, output }) =>
      opType === 'Constant' || output.some((name) => behind.has(name) && name !== start),
  );
  const known = new Set([start, '', ...kept.flatMap(({ output }) => output)]);
  const outside = [...new Set(kept.flatMap(nodeInputs))].filter(
    (name) => !known.has(name) && index.constantOf(name) === undefined,
  );
  const crossing = outside.filter((name) => trace.live.has(name));
  const folded = outside.filter((name) => !trace.live.has(name));
  const values =
    folded.length === 0
      ? {}
      : await runOnZeros(loaded, { input, dims: [samples, ...model.sampleShape], outputs: folded });
  return {
    crossing,
    graph: {
      ...loaded.graph,
      node: kept,
      initializer: [...loaded.graph.initializer, ...folded.map((name) => stored(name, values))],
      input: [start, ...crossing].map((name) => floatInput(model, name, samples)),
      output: [],
      valueInfo: [],
    },
  };
}

/** Shape of a live tensor for `samples` samples. */
export function batchShape(model: OpenedModel, name: string, samples: number): number[] {
  const [first = 1, ...rest] = sampleShapeOf(model, name);
  return [samples * first, ...rest];
}

/** Numbers per sample of the largest tensor on the way from `start` to `outputs`. */
export function largestTensor(
  { trace, loaded }: OpenedModel,
  { start, outputs }: { start: string; outputs: readonly string[] },
): number {
  const nodes = nodesNeeded(loaded.graph.node, outputs, new Set([start]));
  let largest = 1;
  for (const name of [start, ...nodes.flatMap(({ output }) => output)])
    largest = Math.max(largest, elements(trace.shapeOf(name) ?? []) / trace.samples);
  return largest;
}

function floatInput(model: OpenedModel, name: string, samples: number): ValueInfoProto {
  const dim = batchShape(model, name, samples).map((dimValue) => ({ dimValue }));
  return { name, type: { tensorType: { elemType: ELEMENT.float, shape: { dim } } } };
}

function stored(name: string, values: InferenceSession.ReturnType): TensorProto {
  const { data, dims, type } = values[name] as Tensor;
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  const rawData = new Uint8Array(buffer, byteOffset, byteLength);
  return { name, dims: [...dims], dataType: ELEMENT_OF[type] ?? ELEMENT.float, rawData };
}
