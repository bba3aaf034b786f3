// An encoder session: runs the instrumented graph in fixed-size pieces of a batch and packs each piece while
// it is in the cache.

import type { EncoderSession, SessionOptions } from '../../../activities/ports.ts';
import { createPackingKernel } from '../../../activities/polytope/packing-kernel.ts';
import { addAmbiguity } from './ambiguity.ts';
import { addAnswer, type Answer, answerFetches, answerOutputs } from './answer.ts';
import { indexGraph } from './graph.ts';
import { createPatch } from './graph-patch.ts';
import { encodeBatch, type RunningEncoder } from './encode-batch.ts';
import { addEndOfRun, type Fetches } from './in-place-run.ts';
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
  const runSamples = runSamplesOf(probed.taps, input, options);
  const logitRows = isText(input) ? elements(options.sampleShape) : 1;
  const { graph, outputs, answer, end } = instrument(loaded, plan, { samples: runSamples, logitRows });
  const wanted: GraphOutput[] = end === null ? [] : [{ name: end, elemType: null }];
  wanted.push(...outputs.map(({ name, type }) => ({ name, elemType: ELEMENT_OF[type] })));
  wanted.push(...answerOutputs(answer));
  const session = await openRuntime(loaded.model, graph, wanted, { file, device, threads: options.threads });
  const kernel = createPackingKernel();
  const memory = reserveMemory(kernel, probed, outputs, { input, options, runSamples, logitRows });
  const dims = [runSamples, ...options.sampleShape];
  const feeds = {
    [input.name]: tensorAt(kernel, input.type, memory.input, dims),
    ...sideFeeds(loaded.graph, input.name, dims),
  };
  const base = { session, kernel, memory, probed, outputs, input, options, way, logitRows, feeds };
  const runs = Array.from({ length: memory.runs }, (_, run) => run);
  const ending = end === null ? {} : { [end]: null };
  const fetches = runs.map((run) => ({ ...ending, ...fetchesOf(base, run, answer) }));
  const running: RunningEncoder = { ...base, fetches };
  return {
    taps: probed.taps.map((tap) => tap.info),
    backend: `onnxruntime-node/${device}`,
    packing: way,
    encode: (batch) => encodeBatch(running, batch),
    close: () => session.release(),
  };
}

/** The graph with the outputs of every tap and of the model's answer added. */
function instrument(
  { model, graph }: LoadedModel,
  { probed, options, way }: EncoderPlan,
  { samples, logitRows }: { samples: number; logitRows: number },
) {
  const patch = createPatch();
  const index = indexGraph(graph);
  const outputs = probed.taps.flatMap((geometry, tap) => [
    ...addTapOutputs(patch, geometry, { tap, way, samples }),
    ...(options.countAmbiguous ? [addAmbiguity(patch, index, geometry, { tap, samples })] : []),
  ]);
  const taken = new Set(outputs.map(({ name }) => name));
  const answer = addAnswer(patch, probed.logits, { rows: samples * logitRows, taken });
  const end = addEndOfRun(patch, model);
  return { graph: patch.applyTo(graph), outputs, answer, end };
}

function fetchesOf(
  { kernel, memory, probed, outputs, logitRows, options, input }: Omit<RunningEncoder, 'fetches'>,
  run: number,
  answer: Answer | null,
): Fetches {
  const fetches: Record<string, Fetches[string]> = {};
  for (const output of outputs) {
    const geometry = probed.taps[output.tap];
    const runBytes = memory.runSamples * (geometry?.rowsPerSample ?? 0) * (geometry?.strideBytes ?? 0);
    const offset = memory.outputs.get(output) ?? (memory.codes[output.tap] ?? 0) + run * runBytes;
    fetches[output.name] = tensorAt(kernel, output.type, offset, output.dims);
  }
  if (answer !== null) {
    const rows = memory.runSamples * logitRows;
    const lead = isText(input) ? [memory.runSamples, elements(options.sampleShape)] : [memory.runSamples];
    Object.assign(fetches, answerFetches(answer, { kernel, memory, rows, run, lead }));
  }
  return fetches;
}
