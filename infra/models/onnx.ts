// ONNX models: inspect finds taps and sizes, open gives encoder sessions over an instrumented graph.

import type { ModelInfo, ModelLoader, SessionOptions } from '../../activities/ports.ts';
import { choosePackingWay } from './onnx/choose-way.ts';
import { applyControl } from './onnx/control.ts';
import { cutGraph } from './onnx/cut-graph.ts';
import { unknownGeometry } from './onnx/geometry.ts';
import { type GraphIndex, indexGraph } from './onnx/graph.ts';
import { loadModel } from './onnx/load.ts';
import { describeOperators, describeSpaces } from './onnx/network/describe.ts';
import { beforeClosing, traced } from './onnx/network/opened-model.ts';
import { parsePackingWay } from './onnx/packing-ways.ts';
import {
  checkSampleShape,
  chooseInput,
  isText,
  type ModelInput,
  type ProbedModel,
  probeModel,
} from './onnx/probe.ts';
import { openEncoder } from './onnx/session.ts';
import { countOperators, findTaps, INEXACT_OPERATORS, selectTaps } from './onnx/taps.ts';

/** Tokens that inspecting a text model of free length runs with. */
const INSPECT_TOKENS = 8;

/** Opens and inspects `.onnx` files. */
export const onnxModels: ModelLoader = { inspect, open };

async function inspect(
  model: Parameters<ModelLoader['inspect']>[0],
  { granularity }: Parameters<ModelLoader['inspect']>[1],
): Promise<ModelInfo> {
  const loaded = await loadModel(model.file);
  const index = indexGraph(loaded.graph);
  const found = selectTaps(findTaps(index), model.taps, model.file);
  const input = chooseInput(loaded.graph, model.input, model.file);
  const sampleShape = knownSampleShape(input);
  const probed =
    sampleShape === null ? null : await probeModel(loaded, index, found, { input, sampleShape, granularity });
  const operators = countOperators(loaded.graph.node);
  const firstOutput = loaded.graph.output[0]?.name;
  return {
    runtime: 'onnx',
    sha256: loaded.sha256,
    input,
    output: outputOf(
      input,
      probed?.logits ?? (firstOutput === undefined ? null : { name: firstOutput, classes: null }),
    ),
    taps: probed === null ? found.map(unknownGeometry) : probed.taps.map((tap) => tap.info),
    inexact: operators.filter(({ op }) => INEXACT_OPERATORS.has(op)),
    operators,
    geometry: {
      operators: describeOperators(index, {
        input: input.name,
        logits: logitsTensor(index, probed, firstOutput),
      }),
      startSpaces:
        probed === null || sampleShape === null
          ? null
          : describeSpaces(await traced({ device: 'cpu', loaded, index, input, sampleShape, ...probed })),
    },
  };
}

/** The tensor of logits; before any shape is known, the first output counts. */
function logitsTensor(
  index: GraphIndex,
  probed: ProbedModel | null,
  firstOutput: string | undefined,
): string | null {
  const output = probed === null ? firstOutput : probed.logits?.name;
  return output === undefined ? null : beforeClosing(index, output);
}

async function open(options: SessionOptions) {
  const { file, taps, input: wanted, control } = options.model;
  const asked = parsePackingWay(options.packing);
  const loaded = await loadModel(file);
  applyControl(loaded, control, options.seed);
  const { from } = options;
  if (from !== undefined) cutGraph(loaded.graph, from, { dims: options.sampleShape, file });
  const index = indexGraph(loaded.graph);
  const found = selectTaps(findTaps(index), taps, file);
  const input = chooseInput(loaded.graph, from ?? wanted, file);
  checkSampleShape(input, options.sampleShape, file);
  const probed = await probeModel(loaded, index, found, {
    input,
    sampleShape: options.sampleShape,
    granularity: options.granularity,
  });
  if (asked === 'auto') return choosePackingWay(loaded, { probed, input, options });
  return openEncoder(loaded, { probed, input, options, way: asked });
}

/** Shape to inspect with, or null where the graph leaves a size other than batch and tokens open. */
function knownSampleShape(input: ModelInput): number[] | null {
  const sizes = input.dims.slice(1).map((dim) => dim ?? (isText(input) ? INSPECT_TOKENS : null));
  return input.dims.length > 0 && sizes.every((size) => size !== null) ? sizes : null;
}

function outputOf(
  input: ModelInput,
  output: { readonly name: string; readonly classes: number | null } | null,
): ModelInfo['output'] {
  if (output === null) return null;
  const lead = isText(input) ? [null, null] : [null];
  return { name: output.name, dims: [...lead, output.classes] };
}
