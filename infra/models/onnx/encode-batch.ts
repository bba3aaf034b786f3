// One call of a running encoder: piece by piece through the model, packed and checked, then cut to the true
// rows.

import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import type { EncodedBatch, InputTensor, SessionOptions } from '../../../activities/ports.ts';
import type { PackingKernel } from '../../../activities/polytope/packing-kernel.ts';
import type { TapGeometry } from './geometry.ts';
import { type Fetches, runInPlace } from './in-place-run.ts';
import { checkInput, copySamples, firstNonFinite, nonFinite } from './input-checks.ts';
import { countsInKernel, type PackingWay, SOFT_LIMIT, type TapOutput } from './packing-ways.ts';
import { LOGITS_LIMIT, type ModelInput, type ProbedModel } from './probe.ts';
import type { SessionMemory } from './session-memory.ts';
import { elements } from './tensors.ts';

/** Everything that stays fixed while a session encodes. */
export interface RunningEncoder {
  readonly session: InferenceSession;
  readonly kernel: PackingKernel;
  readonly memory: SessionMemory;
  readonly probed: ProbedModel;
  readonly outputs: readonly TapOutput[];
  readonly input: ModelInput;
  readonly options: SessionOptions;
  readonly way: PackingWay;
  /** Logit rows per sample: tokens of a sequence, else 1. */
  readonly logitRows: number;
  readonly feeds: Record<string, Tensor>;
  /** What each run of a batch writes into. */
  readonly fetches: readonly Fetches[];
}

/**
 * Encodes one batch; the result's buffers are overwritten by the next call.
 * @throws PipelineError `shape-mismatch` for an unfit input, `non-finite-input` naming the first bad sample.
 */
export async function encodeBatch(running: RunningEncoder, input: InputTensor): Promise<EncodedBatch> {
  const { kernel, memory, probed, options } = running;
  const samples = checkInput(input, running);
  const ambiguous = options.countAmbiguous
    ? probed.taps.map((tap) => new Uint32Array(samples * tap.rowsPerSample))
    : null;
  for (let run = 0; run * memory.runSamples < samples; run++) {
    const first = run * memory.runSamples;
    const valid = Math.min(memory.runSamples, samples - first);
    copySamples(running, input, { first, valid });
    if (input.type === 'float32') takeNorms(running, { first, valid });
    await runModel(running, run);
    for (const output of running.outputs) {
      const geometry = probed.taps[output.tap] as TapGeometry;
      if (output.role === 'ambiguous')
        addCounts(running, output, ambiguous?.[output.tap], { row: first * geometry.rowsPerSample });
      else takeOutput(running, output, geometry, { first, valid });
    }
  }
  checkLogits(running, samples);
  const soft = probed.taps.map((tap, i) => softRows(running, tap, i, samples));
  return {
    codes: probed.taps.map(
      (tap, i) =>
        new Uint8Array(kernel.buffer, memory.codes[i], samples * tap.rowsPerSample * tap.strideBytes),
    ),
    logits: logitsOf(running, samples),
    ...predictedOf(running, samples),
    softCounts: Float64Array.from(soft, (rows) =>
      rows === null ? Number.NaN : rows.reduce((sum, count) => sum + count, 0),
    ),
    soft,
    inputNorms: input.type === 'float32' ? new Float32Array(kernel.buffer, memory.norms, samples) : null,
    ambiguous,
  };
}

/** A model whose nodes contradict each other may load, and even run on other numbers of samples. */
async function runModel({ session, feeds, fetches, options }: RunningEncoder, run: number): Promise<void> {
  try {
    await runInPlace(session, feeds, fetches[run] as Fetches);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (!/invalid dimensions|shape|dimension mismatch/i.test(text)) throw error;
    throw new PipelineError(
      {
        kind: 'model-invalid',
        what: 'the model does not run on a batch',
        where: options.model.file,
        value: text.slice(0, 500),
        remedy: 'Export the model again with a free batch dimension, or check it with onnx.checker.',
      },
      { cause: error },
    );
  }
}

/** Samples of the current run: the batch's sample `first`, and how many are no padding. */
interface Piece {
  readonly first: number;
  readonly valid: number;
}

function takeNorms({ kernel, memory, options }: RunningEncoder, { first, valid }: Piece): void {
  const to = memory.norms + 4 * first;
  kernel.rowNorms({ from: memory.input, to, rows: valid, bits: elements(options.sampleShape) });
  const norms = new Float32Array(kernel.buffer, to, valid);
  const bad = firstNonFinite(norms, 1);
  if (bad >= 0) throw nonFinite('the input is not finite', first + bad, 'input');
}

function takeOutput(running: RunningEncoder, output: TapOutput, geometry: TapGeometry, piece: Piece): void {
  const { kernel, memory } = running;
  const { found, info, rowsPerSample, strideBytes, valuesPerSample } = geometry;
  const from = memory.outputs.get(output) ?? 0;
  const rows = memory.runSamples * rowsPerSample;
  const firstRow = piece.first * rowsPerSample;
  if (output.role === 'values' || output.role === 'rows' || output.role === 'bools') {
    const finite = packOutput(running, output, geometry, {
      from,
      to: (memory.codes[output.tap] ?? 0) + firstRow * strideBytes,
    });
    if (!finite)
      checkValues(new Float32Array(kernel.buffer, from, piece.valid * valuesPerSample), geometry, piece);
    const counted = output.role !== 'bools' && countsInKernel(geometry, running.way);
    if (counted)
      kernel.countWithin(
        { from, to: (memory.soft[output.tap] ?? 0) + 4 * firstRow, rows, bits: info.codeBits },
        SOFT_LIMIT,
      );
  } else if (output.role === 'guard') {
    const bad = firstNonFinite(
      new Float32Array(kernel.buffer, from, piece.valid * rowsPerSample),
      rowsPerSample,
    );
    if (bad >= 0) throw nonFinite('a pre-activation is not finite', piece.first + bad, found.name);
  } else if (output.role === 'soft') {
    const counts = new Float32Array(kernel.buffer, from, rows);
    new Uint32Array(kernel.buffer, (memory.soft[output.tap] ?? 0) + 4 * firstRow, rows).set(counts);
  }
}

/** Packs one run of a tap; false where a float value is not finite (padding samples included). */
function packOutput(
  running: RunningEncoder,
  output: TapOutput,
  geometry: TapGeometry,
  { from, to }: { from: number; to: number },
): boolean {
  const { kernel, memory } = running;
  const { info, rowsPerSample, strideBytes, layout } = geometry;
  const planes = layout === 'planes' && output.role !== 'rows';
  const planeBytes = Math.ceil(rowsPerSample / 8);
  const job = planes
    ? {
        from,
        to: memory.planes,
        rows: memory.runSamples * info.channels,
        bits: rowsPerSample,
        strideBytes: planeBytes,
      }
    : { from, to, rows: memory.runSamples * rowsPerSample, bits: info.codeBits, strideBytes };
  let finite = true;
  if (output.role === 'bools') kernel.packBools(job);
  else finite = kernel.packFloats(job);
  if (planes) {
    const size = { groups: memory.runSamples, rows: info.channels, cols: rowsPerSample };
    kernel.transposeBits({
      from: memory.planes,
      to,
      ...size,
      fromStrideBytes: planeBytes,
      toStrideBytes: strideBytes,
    });
  }
  return finite;
}

// Padding samples are zeros; a model that divides by them must not fail the true ones.
function checkValues(values: Float32Array, { found, valuesPerSample }: TapGeometry, { first }: Piece): void {
  const bad = firstNonFinite(values, valuesPerSample);
  if (bad >= 0) throw nonFinite('a pre-activation is not finite', first + bad, found.name);
}

function addCounts(
  { kernel, memory }: RunningEncoder,
  output: TapOutput,
  into: Uint32Array | undefined,
  { row }: { row: number },
): void {
  if (into === undefined) return;
  const counts = new Float32Array(kernel.buffer, memory.outputs.get(output), elements(output.dims));
  into.set(counts.subarray(0, Math.min(counts.length, into.length - row)), row);
}

function softRows(
  { kernel, memory }: RunningEncoder,
  tap: TapGeometry,
  at: number,
  samples: number,
): Uint32Array | null {
  if (tap.found.activation !== 'Gelu') return null;
  return new Uint32Array(kernel.buffer, memory.soft[at], samples * tap.rowsPerSample);
}

function checkLogits(running: RunningEncoder, samples: number): void {
  const logits = logitsOf(running, samples);
  if (logits === null) return;
  const bad = firstNonFinite(logits.data, logits.classes * running.logitRows);
  if (bad >= 0) throw nonFinite('a logit is not finite', bad, running.probed.logits?.name ?? 'logits');
}

function logitsOf(
  { kernel, memory, probed, logitRows }: RunningEncoder,
  samples: number,
): EncodedBatch['logits'] {
  if (probed.logits === null || probed.logits.classes > LOGITS_LIMIT) return null;
  const { classes } = probed.logits;
  return { data: new Float32Array(kernel.buffer, memory.logits, samples * logitRows * classes), classes };
}

/** Argmax and probability from the graph; a probability outside (0, 1] means that a logit was not finite. */
function predictedOf(
  { kernel, memory, probed, logitRows }: RunningEncoder,
  samples: number,
): Pick<EncodedBatch, 'predicted'> {
  if (probed.logits === null || probed.logits.classes <= LOGITS_LIMIT) return {};
  const rows = samples * logitRows;
  const probabilities = new Float32Array(kernel.buffer, memory.probability, rows);
  const bad = probabilities.findIndex((probability) => !(probability > 0 && probability <= 1.0001));
  if (bad >= 0) throw nonFinite('a logit is not finite', Math.floor(bad / logitRows), probed.logits.name);
  return { predicted: { classes: new BigInt64Array(kernel.buffer, memory.argmax, rows), probabilities } };
}
