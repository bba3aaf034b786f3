// ONNX Runtime sessions: one place that chooses options, names the device and turns load errors into faults.

import { InferenceSession } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import { encodeModel, type GraphProto, type ModelProto } from './proto.ts';
import { pruneGraph } from './graph.ts';

export interface RuntimeOptions {
  readonly file: string;
  readonly device: 'cpu' | 'cuda';
  readonly threads: number;
}

/** A graph output that a session is to return, with its ONNX element type; null where it is no tensor. */
export interface GraphOutput {
  readonly name: string;
  readonly elemType: number | null;
}

/**
 * Opens a session that computes exactly `outputs`; what they do not need is pruned first.
 * @throws PipelineError `device-unavailable` where the CUDA provider cannot start, `model-invalid` where the
 * graph is refused.
 */
export async function openRuntime(
  model: ModelProto,
  graph: GraphProto,
  outputs: readonly GraphOutput[],
  options: RuntimeOptions,
): Promise<InferenceSession> {
  const declared = new Map(graph.output.map((output) => [output.name, output]));
  const wanted = {
    ...graph,
    output: outputs.map(
      ({ name, elemType }) =>
        declared.get(name) ?? (elemType === null ? { name } : { name, type: { tensorType: { elemType } } }),
    ),
  };
  pruneGraph(
    wanted,
    outputs.map((output) => output.name),
  );
  const bytes = encodeModel({ ...model, graph: wanted });
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: [options.device],
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Idle threads that spin would take cores from the other workers of the machine.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
  } catch (error) {
    throw refused(error, options);
  }
}

function refused(error: unknown, { file, device }: RuntimeOptions): PipelineError {
  const text = error instanceof Error ? error.message : String(error);
  if (device === 'cuda' && /cuda|provider|backend|cudnn|cublas|device/i.test(text)) {
    return new PipelineError({
      kind: 'device-unavailable',
      what: 'the CUDA provider of onnxruntime-node cannot start',
      where: 'model.device',
      value: text.slice(0, 300),
      remedy:
        'Run infra/models/fetch-cuda-provider.sh, install an NVIDIA driver with CUDA 13 and cuDNN 9, or set model.device to cpu.',
    });
  }
  return new PipelineError({
    kind: 'model-invalid',
    what: 'ONNX Runtime cannot load the model',
    where: file,
    value: text.slice(0, 500),
    remedy: 'Export the model again with a standard opset, or check it with onnx.checker.',
  });
}
