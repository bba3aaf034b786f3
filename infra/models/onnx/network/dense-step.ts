// A step that is one dense layer on an activation and nothing else: its weights, for kernels that need no runtime.

import type { DenseStep } from '../../../../activities/polytope/piecewise-net.ts';
import { elements } from '../tensors.ts';
import { gemmWeights, transpose } from './affine-sums.ts';
import { spread } from './constants.ts';
import { type Kink, slopeOf } from './kinks.ts';
import type { Lowering } from './lowering.ts';
import { type OpenedModel, sampleShapeOf } from './opened-model.ts';
import type { PlannedNode } from './stage-plan.ts';

const RENAMING = new Set(['Identity', 'Dropout', 'Cast', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze']);

/** The step `activation -> Gemm`, or `activation -> MatMul (-> Add of a vector)`, or null where it is anything else. */
export function denseStep(
  model: OpenedModel,
  step: {
    readonly nodes: readonly PlannedNode[];
    readonly from: readonly string[];
    readonly to: readonly string[];
    readonly kinks: readonly Kink[];
  },
): DenseStep | null {
  const [kink] = step.kinks;
  const isOne = step.kinks.length === 1 && step.from.length === 1 && step.to.length === 1;
  if (!isOne || kink?.kind !== 'relu' || kink.bends.length !== 1) return null;
  const lowering = {
    constant: (name: string) => model.trace.constantOf(name) ?? { dims: [], values: new Float64Array() },
  };
  const layer = step.nodes
    .filter(({ node }) => node !== kink.node)
    .reduce<Layer | null>((before, planned) => before && follow(before, planned, { model, lowering }), {
      tensor: kink.node.output[0] ?? '',
      weights: null,
      bias: null,
    });
  if (layer?.weights == null || layer.tensor !== step.to[0]) return null;
  const shape = sampleShapeOf(model, kink.input);
  const { values, inputs, outputs } = layer.weights;
  if (inputs !== elements(shape)) return null;
  return {
    weights: transpose(values, inputs, outputs),
    bias: layer.bias ?? new Float64Array(outputs),
    negativeSlopes: spread(slopeOf(kink, lowering.constant), shape),
  };
}

/** What has been gathered so far on the way to `tensor`. */
interface Layer {
  readonly tensor: string;
  /** `[inputs, outputs]`. */
  readonly weights: {
    readonly values: Float64Array;
    readonly inputs: number;
    readonly outputs: number;
  } | null;
  readonly bias: Float64Array | null;
}

function follow(
  layer: Layer,
  { node, meaning }: PlannedNode,
  { model, lowering }: { model: OpenedModel; lowering: Pick<Lowering, 'constant'> },
): Layer | null {
  const tensor = node.output[0] ?? '';
  if (meaning.kind !== 'affine' || !node.input.includes(layer.tensor)) return null;
  if (RENAMING.has(node.opType)) return { ...layer, tensor };
  const isVector = sampleShapeOf(model, tensor).length === 2 && sampleShapeOf(model, tensor)[0] === 1;
  if (!isVector || sampleShapeOf(model, layer.tensor).length !== 2) return null;
  if (layer.weights === null && node.input[0] === layer.tensor) return product(node, tensor, lowering);
  const addend = node.input.find((name) => name !== layer.tensor) ?? '';
  if (node.opType !== 'Add' || layer.weights === null || layer.bias !== null) return null;
  const bias = spread(lowering.constant(addend), [1, layer.weights.outputs]);
  return { ...layer, tensor, bias };
}

function product(
  node: PlannedNode['node'],
  tensor: string,
  lowering: Pick<Lowering, 'constant'>,
): Layer | null {
  if (node.opType === 'MatMul') {
    const { dims, values } = lowering.constant(node.input[1] ?? '');
    if (dims.length !== 2) return null;
    return { tensor, weights: { values, inputs: dims[0] ?? 0, outputs: dims[1] ?? 0 }, bias: null };
  }
  if (node.opType !== 'Gemm') return null;
  const { weights: values, inputs, outputs } = gemmWeights(node, lowering);
  const added = node.input[2] ?? '';
  const beta = node.attribute.find(({ name }) => name === 'beta')?.f ?? 1;
  const bias =
    added === '' ? null : spread(lowering.constant(added), [1, outputs]).map((value) => beta * value);
  return { tensor, weights: { values, inputs, outputs }, bias };
}
