// Compiled programs on ONNX Runtime.

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import {
  ONNX_TYPES,
  type OnnxProgram,
  type ProgramRunner,
  type RunningProgram,
  type TensorData,
  type TensorSpec,
} from '../../activities/numeric/onnx-program.ts';
import { encodeModel, type NodeProto } from '../models/onnx/proto.ts';
import { node } from '../models/onnx/tensors.ts';

const OPSET = 20;
const FLOAT_ATTRIBUTES = ['alpha', 'beta'];

/**
 * Opens programs on the CPU. One thread by default: with one, sums have one order, and bytes do not depend on the
 * machine's cores.
 */
export function createProgramRunner({ threads = 1 }: { readonly threads?: number } = {}): ProgramRunner {
  return {
    async open(program) {
      const session = await openSession(encodeProgram(program), threads);
      return runningProgram(session, program);
    },
  };
}

async function openSession(bytes: Uint8Array, threads: number): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Idle threads wait awake within a run, which is made of many small nodes, and sleep between runs.
      extra: { session: { intra_op: { allow_spinning: threads > 1 ? '1' : '0' }, force_spinning_stop: '1' } },
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new PipelineError({
      kind: 'internal',
      what: 'ONNX Runtime refuses a compiled program',
      value: text,
    });
  }
}

function runningProgram(session: InferenceSession, program: OnnxProgram): RunningProgram {
  return {
    inputs: program.inputs,
    outputs: program.outputs,
    async run(data) {
      const feeds: Record<string, Tensor> = {};
      for (const [i, spec] of program.inputs.entries()) feeds[spec.name] = tensorOf(spec, data[i]);
      const results = await session.run(feeds);
      return program.outputs.map(({ name }) => results[name]!.data as TensorData);
    },
    close: () => session.release(),
  };
}

function tensorOf({ label, type, dims }: TensorSpec, data: TensorData | undefined): Tensor {
  const elements = dims.reduce((product, size) => product * size, 1);
  if (data?.length !== elements) {
    throw new PipelineError({
      kind: 'shape-mismatch',
      what: `an input of a compiled program has ${elements} elements`,
      where: label,
      value: `${data?.length ?? 'none'}`,
    });
  }
  return new Tensor(type as 'float32', data as Float32Array, dims);
}

function encodeProgram({ inputs, outputs, initializers, nodes }: OnnxProgram): Uint8Array {
  return encodeModel({
    irVersion: 9,
    opsetImport: [
      { domain: '', version: OPSET },
      { domain: 'com.microsoft', version: 1 },
    ],
    producerName: 'tessera',
    graph: {
      name: 'program',
      node: nodes.map(nodeProto),
      initializer: initializers.map(({ name, type, dims, data }) => ({
        name,
        dims: [...dims],
        dataType: ONNX_TYPES[type],
        rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      })),
      input: inputs.map(valueInfo),
      output: outputs.map(valueInfo),
      valueInfo: [],
    },
  });
}

function nodeProto({ op, domain, inputs, outputs, attributes }: OnnxProgram['nodes'][number]): NodeProto {
  const own = domain === undefined ? {} : { domain };
  return { ...node(op, inputs, outputs, attributes, FLOAT_ATTRIBUTES), ...own };
}

function valueInfo({ name, type, dims }: TensorSpec) {
  const shape = { dim: dims.map((dimValue) => ({ dimValue })) };
  return { name, type: { tensorType: { elemType: ONNX_TYPES[type], shape } } };
}
