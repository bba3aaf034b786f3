// Rounding scales (see rounding-scale.ts) of tensors of a graph model: which tensors must be fetched, and the formula.

import type { Tensor } from '@tensorflow/tfjs';
import type { GraphNode } from './artifacts.ts';
import {
  booleanAttribute,
  inputsOf,
  integersAttribute,
  numberAttribute,
  stringAttribute,
  stringsAttribute,
} from './graph-nodes.ts';
import type { GraphLookup } from './graph-taps.ts';
import {
  affineScale,
  batchNormScale,
  type ConvGeometry,
  convScale,
  denseScale,
  depthwiseScale,
} from './rounding-scale.ts';
import type { Tf } from './runtime.ts';

/** How the scale of one tensor comes from other tensors of the same forward pass. */
export interface ScalePlan {
  /** Tensors that must be fetched. */
  readonly needs: readonly string[];
  /** @param tensorOf - a fetched tensor or a constant. */
  evaluate(tf: Tf, tensorOf: (name: string) => Tensor): Tensor;
}

/** The scale of a tensor; where its arithmetic is not known, its own magnitude, so that none of its bits is ambiguous. */
export function planScale(graph: GraphLookup, name: string): ScalePlan {
  const node = graph.byName.get(name);
  return (
    (node && linearPlan(graph, node)) ?? { needs: [name], evaluate: (tf, tensorOf) => tf.abs(tensorOf(name)) }
  );
}

function linearPlan(graph: GraphLookup, node: GraphNode): ScalePlan | undefined {
  const inputs = inputsOf(node);
  const isConst = (name: string | undefined): boolean => graph.byName.get(name ?? '')?.op === 'Const';
  const [a = '', b = ''] = inputs;
  switch (node.op) {
    case 'Identity':
      return planScale(graph, a);
    case 'MatMul':
    case '_FusedMatMul':
    case 'Conv2D':
    case '_FusedConv2D':
    case 'DepthwiseConv2dNative':
    case 'FusedDepthwiseConv2dNative':
      return isConst(b) ? productPlan(node, inputs) : undefined;
    case 'BiasAdd':
    case 'Add':
    case 'AddV2':
      if (isConst(b)) return shifted(planScale(graph, a), b);
      return isConst(a) ? shifted(planScale(graph, b), a) : summed(planScale(graph, a), planScale(graph, b));
    case 'Mul':
      if (isConst(b)) return scaled(planScale(graph, a), b);
      return isConst(a) ? scaled(planScale(graph, b), a) : undefined;
    case 'FusedBatchNorm':
    case 'FusedBatchNormV2':
    case 'FusedBatchNormV3':
      return inputs.slice(1).every(isConst) ? normalised(planScale(graph, a), node, inputs) : undefined;
    default:
      return undefined;
  }
}

function productPlan(
  node: GraphNode,
  [input = '', kernel = '', bias]: readonly string[],
): ScalePlan | undefined {
  const hasBias = stringsAttribute(node, 'fused_ops')[0] === 'biasadd' && bias !== undefined;
  const biasOf = (tensorOf: (name: string) => Tensor): Tensor | null => (hasBias ? tensorOf(bias) : null);
  if (node.op.includes('MatMul')) {
    if (booleanAttribute(node, 'transpose_a')) return undefined;
    const turned = booleanAttribute(node, 'transpose_b');
    return {
      needs: [input],
      evaluate: (tf, tensorOf) => {
        const weights = turned ? tf.transpose(tensorOf(kernel)) : tensorOf(kernel);
        return denseScale(tf, tensorOf(input), weights, biasOf(tensorOf));
      },
    };
  }
  const geometry = convGeometry(node);
  if (geometry === undefined) return undefined;
  const scale = node.op.includes('Depthwise') ? depthwiseScale : convScale;
  return {
    needs: [input],
    evaluate: (tf, tensorOf) => scale(tf, tensorOf(input), tensorOf(kernel), biasOf(tensorOf), geometry),
  };
}

function convGeometry(node: GraphNode): ConvGeometry | undefined {
  const [, strideY = 1, strideX = 1] = integersAttribute(node, 'strides');
  const [, dilationY = 1, dilationX = 1] = integersAttribute(node, 'dilations');
  const pad = stringAttribute(node, 'padding')?.toLowerCase();
  if ((pad !== 'same' && pad !== 'valid') || stringAttribute(node, 'data_format') === 'NCHW')
    return undefined;
  return { strides: [strideY, strideX], pad, dilations: [dilationY, dilationX] };
}

function shifted(plan: ScalePlan, shift: string): ScalePlan {
  return {
    ...plan,
    evaluate: (tf, tensorOf) => affineScale(tf, plan.evaluate(tf, tensorOf), tf.scalar(1), tensorOf(shift)),
  };
}

function scaled(plan: ScalePlan, factor: string): ScalePlan {
  return {
    ...plan,
    evaluate: (tf, tensorOf) => affineScale(tf, plan.evaluate(tf, tensorOf), tensorOf(factor), null),
  };
}

function summed(a: ScalePlan, b: ScalePlan): ScalePlan {
  const needs = [...a.needs, ...b.needs];
  return { needs, evaluate: (tf, tensorOf) => tf.add(a.evaluate(tf, tensorOf), b.evaluate(tf, tensorOf)) };
}

function normalised(plan: ScalePlan, node: GraphNode, inputs: readonly string[]): ScalePlan {
  const [, gamma = '', beta = '', mean = '', variance = ''] = inputs;
  const epsilon = numberAttribute(node, 'epsilon', 1e-3);
  return {
    ...plan,
    evaluate: (tf, tensorOf) =>
      batchNormScale(tf, plan.evaluate(tf, tensorOf), {
        mean: tensorOf(mean),
        variance: tensorOf(variance),
        gamma: tensorOf(gamma),
        beta: tensorOf(beta),
        epsilon,
      }),
  };
}
