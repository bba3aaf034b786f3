// One block of wasm memory per session: ONNX Runtime reads its input from it and writes its outputs into it,
// and the packing kernels work in place, so no tensor is copied between the two.

import { Tensor } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import type { InputTensor, SessionOptions } from '../../../activities/ports.ts';
import type { PackingKernel } from '../../../activities/polytope/packing-kernel.ts';
import type { TapGeometry } from './geometry.ts';
import type { TapOutput } from './packing-ways.ts';
import { LOGITS_LIMIT, type ModelInput, type ProbedModel } from './probe.ts';
import { elements } from './tensors.ts';

/**
 * Float bytes of all taps that one run may produce. Convolutions work image by image, so a run may be small
 * enough for its taps to be packed from the cache; matrix products gain more from many rows. Threads that
 * share a run meet after every layer, and need images enough to be worth it.
 */
const RUN_BYTES = { conv: 1024 * 1024, convPerThread: 2 * 1024 * 1024, other: 8 * 1024 * 1024 };
const MEMORY_LIMIT_BYTES = 3.75 * 1024 ** 3;

const ELEMENT_BYTES = { float32: 4, int64: 8, int32: 4, uint8: 1, bool: 1 } as const;

/** Byte offsets of everything a session owns. */
export interface SessionMemory {
  /** Samples of one run: fixed, so kernels always see one shape. */
  readonly runSamples: number;
  /** Runs of a full batch. */
  readonly runs: number;
  readonly input: number;
  readonly norms: number;
  readonly logits: number;
  /** Instead of logits where classes are very many. */
  readonly argmax: number;
  readonly probability: number;
  /** Per tap: the codes of the whole batch. */
  readonly codes: readonly number[];
  /** Per tap: soft counts of the whole batch. */
  readonly soft: readonly number[];
  /** Bit planes before they are turned; shared by the taps. */
  readonly planes: number;
  /** Per tap output of one run; `codes` outputs lie in the batch's codes instead. */
  readonly outputs: ReadonlyMap<TapOutput, number>;
}

/**
 * Samples per run: as many as keep the float taps near the cache, and a power of two so that batches divide
 * evenly.
 */
export function runSamplesOf(
  taps: readonly TapGeometry[],
  input: ModelInput,
  { batchSamples, threads }: Pick<SessionOptions, 'batchSamples' | 'threads'>,
): number {
  const fixed = input.dims[0];
  if (typeof fixed === 'number') return fixed;
  const bytes = taps.reduce((sum, tap) => sum + 4 * tap.valuesPerSample, 0);
  const conv = threads === 1 ? RUN_BYTES.conv : RUN_BYTES.convPerThread * threads;
  const target = taps.some((tap) => tap.info.kind === 'conv') ? conv : RUN_BYTES.other;
  let samples = 1;
  while (samples * 2 * bytes <= target && samples < batchSamples) samples *= 2;
  return Math.min(samples, batchSamples);
}

/** What decides the size of a session's memory. */
export interface MemoryPlan {
  readonly input: ModelInput;
  readonly options: SessionOptions;
  readonly runSamples: number;
  readonly logitRows: number;
}

/**
 * Reserves a session's memory.
 * @throws PipelineError `config-invalid` where a batch does not fit the 4 GiB of a wasm memory.
 */
export function reserveMemory(
  kernel: PackingKernel,
  { taps, logits }: ProbedModel,
  outputs: readonly TapOutput[],
  { input, options, runSamples, logitRows }: MemoryPlan,
): SessionMemory {
  const runs = Math.ceil(options.batchSamples / runSamples);
  const samples = runs * runSamples;
  const wide = (logits?.classes ?? 0) > LOGITS_LIMIT;
  let total = 0;
  const reserve = (bytes: number) => {
    total += bytes;
    if (total > MEMORY_LIMIT_BYTES) throw tooLarge(options, total);
    return kernel.reserve(bytes);
  };
  return {
    runSamples,
    runs,
    input: reserve(runSamples * elements(options.sampleShape) * ELEMENT_BYTES[input.type]),
    norms: reserve(samples * 4),
    logits: reserve(samples * logitRows * (wide ? 0 : (logits?.classes ?? 0)) * 4),
    argmax: reserve(wide ? samples * logitRows * 8 : 0),
    probability: reserve(wide ? samples * logitRows * 4 : 0),
    codes: taps.map((tap) => reserve(samples * tap.rowsPerSample * tap.strideBytes)),
    soft: taps.map((tap) => reserve(tap.found.activation === 'Gelu' ? samples * tap.rowsPerSample * 4 : 0)),
    planes: reserve(Math.max(0, ...taps.map((tap) => runSamples * planeBytes(tap)))),
    outputs: new Map(
      outputs
        .filter(({ role }) => role !== 'codes')
        .map((output) => [output, reserve(elements(output.dims) * ELEMENT_BYTES[output.type])]),
    ),
  };
}

function planeBytes({ layout, info, rowsPerSample }: TapGeometry): number {
  return layout === 'planes' ? info.channels * Math.ceil(rowsPerSample / 8) : 0;
}

/** A runtime tensor over kernel memory. */
export function tensorAt(
  kernel: PackingKernel,
  type: InputTensor['type'] | 'bool',
  offset: number,
  dims: readonly number[],
): Tensor {
  const count = elements(dims);
  const { buffer } = kernel;
  switch (type) {
    case 'float32':
      return new Tensor('float32', new Float32Array(buffer, offset, count), [...dims]);
    case 'int64':
      return new Tensor('int64', new BigInt64Array(buffer, offset, count), [...dims]);
    case 'int32':
      return new Tensor('int32', new Int32Array(buffer, offset, count), [...dims]);
    case 'uint8':
      return new Tensor('uint8', new Uint8Array(buffer, offset, count), [...dims]);
    case 'bool':
      return new Tensor('bool', new Uint8Array(buffer, offset, count), [...dims]);
  }
}

function tooLarge({ batchSamples }: SessionOptions, bytes: number): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: 'one batch of codes and logits does not fit the session memory of 3.75 GiB',
    where: 'stream.batchRows',
    value: `${batchSamples} samples, over ${Math.round(bytes / 2 ** 20)} MiB`,
    remedy: 'Lower stream.batchRows or record fewer taps.',
  });
}
