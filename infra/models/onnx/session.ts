// An encoder session: runs the instrumented graph in fixed-size pieces of a batch and packs each piece while
// it is in the cache.

import type { Tensor } from 'onnxruntime-node';
import type { EncoderSession, SessionOptions } from '../../../activities/ports.ts';
import { createPackingKernel } from '../../../activities/polytope/packing-kernel.ts';
import { addAmbiguity } from './ambiguity.ts';
import { indexGraph } from './graph.ts';
import { createPatch } from './graph-patch.ts';
import { encodeBatch, type RunningEncoder } from './encode-batch.ts';
import type { LoadedModel } from './load.ts';
import { addTapOutputs, type PackingWay } from './packing-ways.ts';
import { isText, type ModelInput, type ProbedModel } from './probe.ts';
import { type GraphOutput, openRuntime } from './runtime.ts';
import { reserveMemory, runSamplesOf, tensorAt } from './session-memory.ts';
import { sideFeeds } from './side-inputs.ts';
import { ELEMENT, elements } from './tensors.ts';

const ELEMENT_OF = { float32: ELEMENT.float, bool: ELEMENT.bool, uint8: ELEMENT.uint8 } as const;

/** A model whose shapes are known, and how it is to be encoded. */
export interface EncoderPlan {
  readonly probed: ProbedModel;
  readonly input: ModelInput;
  readonly options: SessionOptions;
  readonly way: PackingWay;
}

/**
 * Opens an ONNX encoder session with one way of packing.
 * @throws PipelineError as {@link openRuntime} does, and `config-invalid` for a batch beyond the memory.
 */
export async function openEncoder(loaded: LoadedModel, plan: EncoderPlan): Promise<EncoderSession> {
  const { probed, input, options, way } = plan;
  const { device, file } = options.model;
  const runSamples = runSamplesOf(probed.taps, input, options.batchSamples);
  const { graph, outputs, logits } = instrument(loaded, plan, runSamples);
  const wanted: GraphOutput[] = outputs.map(({ name, type }) => ({ name, elemType: ELEMENT_OF[type] }));
  if (logits !== null) wanted.push({ name: logits, elemType: ELEMENT.float });
  const session = await openRuntime(loaded.model, graph, wanted, { file, device, threads: options.threads });
  const kernel = createPackingKernel();
  const logitRows = isText(input) ? elements(options.sampleShape) : 1;
  const memory = reserveMemory(kernel, probed, outputs, { input, options, runSamples, logitRows });
  const dims = [runSamples, ...options.sampleShape];
  const feeds = {
    [input.name]: tensorAt(kernel, input.type, memory.input, dims),
    ...sideFeeds(loaded.graph, input.name, dims),
  };
  const base = { session, kernel, memory, probed, outputs, input, options, way, logitRows, feeds };
  const runs = Array.from({ length: memory.runs }, (_, run) => run);
  const running: RunningEncoder = { ...base, fetches: runs.map((run) => fetchesOf(base, run, logits)) };
  return {
    taps: probed.taps.map((tap) => tap.info),
    backend: `onnxruntime-node/${device}`,
    packing: way,
    encode: (batch) => encodeBatch(running, batch),
    close: () => session.release(),
  };
}

/** The graph with every tap's outputs added, and the name under which logits are read. */
function instrument({ graph }: LoadedModel, { probed, options, way }: EncoderPlan, samples: number) {
  const patch = createPatch();
  const index = indexGraph(graph);
  const outputs = probed.taps.flatMap((geometry, tap) => [
    ...addTapOutputs(patch, geometry, { tap, way, samples }),
    ...(options.countAmbiguous ? [addAmbiguity(patch, index, geometry, { tap, samples })] : []),
  ]);
  const own = probed.logits?.name ?? null;
  // A tensor can be tap and logits at once; fetches are keyed by name, so the logits then need their own.
  const clash = own !== null && outputs.some(({ name }) => name === own);
  const logits = clash ? patch.add('Identity', [own]) : own;
  return { graph: patch.applyTo(graph), outputs, logits };
}

function fetchesOf(
  { kernel, memory, probed, outputs, logitRows, options, input }: Omit<RunningEncoder, 'fetches'>,
  run: number,
  logits: string | null,
): Record<string, Tensor> {
  const fetches: Record<string, Tensor> = {};
  for (const output of outputs) {
    const geometry = probed.taps[output.tap];
    const runBytes = memory.runSamples * (geometry?.rowsPerSample ?? 0) * (geometry?.strideBytes ?? 0);
    const offset = memory.outputs.get(output) ?? (memory.codes[output.tap] ?? 0) + run * runBytes;
    fetches[output.name] = tensorAt(kernel, output.type, offset, output.dims);
  }
  if (logits !== null && probed.logits !== null) {
    const { classes } = probed.logits;
    const lead = isText(input) ? [memory.runSamples, elements(options.sampleShape)] : [memory.runSamples];
    const offset = memory.logits + 4 * run * memory.runSamples * logitRows * classes;
    fetches[logits] = tensorAt(kernel, 'float32', offset, [...lead, classes]);
  }
  return fetches;
}
