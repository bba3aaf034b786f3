// A model opened for geometry: its weights as the variant has them, its taps, its logits and its shapes.

import { PipelineError } from '#schemas/errors.ts';
import type { ModelConfig } from '#schemas/config.ts';
import type { ModelVariant } from '../../../../activities/experiments/network.ts';
import { applyControl } from '../control.ts';
import type { TapGeometry } from '../geometry.ts';
import { type GraphIndex, indexGraph } from '../graph.ts';
import { type LoadedModel, loadModel } from '../load.ts';
import {
  checkSampleShape,
  chooseInput,
  isText,
  type ModelInput,
  type ProbedModel,
  probeModel,
} from '../probe.ts';
import { ELEMENT, elements } from '../tensors.ts';
import { findTaps, selectTaps } from '../taps.ts';
import { elementTypes } from './element-types.ts';
import { type Trace, traceModel } from './trace.ts';

/** The start space that stands for the graph's input, whatever its tensor is called. */
export const INPUT = 'input';

export interface OpenedModel {
  readonly device: ModelConfig['device'];
  readonly loaded: LoadedModel;
  readonly index: GraphIndex;
  readonly input: ModelInput;
  readonly sampleShape: readonly number[];
  /** Tokens per sequence of a text model, else null. */
  readonly tokens: number | null;
  readonly taps: readonly TapGeometry[];
  /** The tensor before a closing softmax or sigmoid: what it does is no part of the geometry. */
  readonly logits: { readonly name: string; readonly classes: number } | null;
  readonly trace: Trace;
  isFloat(name: string): boolean;
}

/** Operators that turn logits into probabilities. */
const CLOSING = new Set(['Softmax', 'LogSoftmax', 'Sigmoid', 'Identity']);

/**
 * Reads a model, rewrites its weights if the variant is a control, and runs it once on zeros.
 * @throws PipelineError as reading, controls and probing do.
 */
export async function openModel(options: {
  readonly model: ModelConfig;
  readonly variant: ModelVariant;
  readonly sampleShape: readonly number[];
}): Promise<OpenedModel> {
  const { model: config, variant, sampleShape } = options;
  const loaded = await loadModel(config.file);
  applyControl(loaded, variant.kind === 'trained' ? 'none' : variant.kind, variant.seed);
  const index = indexGraph(loaded.graph);
  const found = selectTaps(findTaps(index), config.taps, config.file);
  const input = chooseInput(loaded.graph, config.input, config.file);
  checkSampleShape(input, sampleShape, config.file);
  const probed = await probeModel(loaded, index, found, { input, sampleShape, granularity: 'image' });
  return traced({ device: config.device, loaded, index, input, sampleShape, ...probed });
}

/** A probed model with the shapes of all that flows through it. */
export async function traced(
  probed: ProbedModel & Pick<OpenedModel, 'device' | 'loaded' | 'index' | 'input' | 'sampleShape'>,
): Promise<OpenedModel> {
  const { loaded, index, input, sampleShape, logits } = probed;
  const types = elementTypes(index);
  return {
    ...probed,
    tokens: isText(input) ? elements(sampleShape) : null,
    logits: logits === null ? null : { ...logits, name: beforeClosing(index, logits.name) },
    trace: await traceModel(loaded, index, { input, sampleShape }),
    isFloat: (name) => types.get(name) === ELEMENT.float,
  };
}

/** The tensor that a name of a space or tap means: `input` is the graph's input. */
export function tensorNamed({ input, index, loaded }: OpenedModel, name: string): string {
  if (name === INPUT || name === input.name) return input.name;
  if (index.producerOf(name) !== undefined) return name;
  throw new PipelineError({
    kind: 'config-invalid',
    what: `${loaded.file} has no such tensor`,
    where: 'space',
    value: name,
    remedy: 'tessera inspect lists the spaces that paths may start in.',
  });
}

/**
 * Shape of a live tensor for one sample: a batch multiplies the first size.
 * @throws PipelineError `model-invalid` where its first axis does not count samples.
 */
export function sampleShapeOf({ trace, loaded }: OpenedModel, name: string): number[] {
  const dims = trace.shapeOf(name) ?? [];
  const first = (dims[0] ?? 0) / trace.samples;
  if (dims.length > 0 && Number.isInteger(first) && elements(dims) > 0) return [first, ...dims.slice(1)];
  throw new PipelineError({
    kind: 'model-invalid',
    what: 'a tensor does not consist of whole samples',
    where: `${loaded.file}, tensor ${name}`,
    value: `shape [${dims.join(', ')}] for ${trace.samples} samples`,
    remedy: 'Choose another space or tap.',
  });
}

/** The tensor before a closing softmax or sigmoid, or the output itself. */
export function beforeClosing(index: GraphIndex, output: string): string {
  let [name, last] = [output, output];
  for (;;) {
    const maker = index.producerOf(name);
    if (maker === undefined || !CLOSING.has(maker.opType)) return last;
    name = maker.input[0] ?? '';
    if (maker.opType !== 'Identity') last = name;
  }
}
