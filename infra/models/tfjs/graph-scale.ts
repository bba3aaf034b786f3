// Rounding scales (see rounding-scale.ts) of tensors of a graph model: which tensors must be fetched, and the formula.

import type { Tensor } from '@tensorflow/tfjs';
import type { GraphNode } from './artifacts.ts';
import { booleanAttribute, inputsOf, integersAttribute, numberAttribute, stringAttribute, stringsAttribute } from './graph-nodes.ts';
import type { GraphLookup } from './graph-taps.ts';
import { affineScale, batchNormScale, type ConvGeometry, convScale, denseScale, depthwiseScale } from './rounding-scale.ts';
import type { Tf } from './runtime.ts';

/** How the scale of one tensor comes from other tensors of the same forward pass. */
export interface ScalePlan {
  /** Tensors that must be fetched. */
  readonly needs: readonly string[];
  /** @param valueOf - a fetched tensor or a constant. */
  evaluate(tf: Tf, valueOf: (name: string) => Tensor): Tensor;
}

/** The scale of a tensor; where its arithmetic is not known, its own magnitude, so that none of its bits is ambiguous. */
export function planScale(graph: GraphLookup, name: string): ScalePlan {
  const node = graph.byName.get(name);
  return (node && linearPlan(graph, node)) ?? { needs: [name], evaluate: (tf, valueOf) => tf.abs(valueOf(name)) };
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

function productPlan(node: GraphNode, [input = '', kernel = '', bias]: readonly string[]): ScalePlan | undefined {
  const hasBias = stringsAttribute(node, 'fused_ops')[0] === 'biasadd' && bias !== undefined;
  const biasOf = (valueOf: (name: string) => Tensor): Tensor | null => (hasBias ? valueOf(bias) : null);
  if (node.op.includes('MatMul')) {
    if (booleanAttribute(node, 'transpose_a')) return undefined;
    const turned = booleanAttribute(node, 'transpose_b');
    return {
      needs: [input],
      evaluate: (tf, valueOf) => {
        const weights = turned ? tf.transpose(valueOf(kernel)) : valueOf(kernel);
        return denseScale(tf, valueOf(input), weights, biasOf(valueOf));
      },
    };
  }
  const geometry = convGeometry(node);
  if (geometry === undefined) return undefined;
  const scale = node.op.includes('Depthwise') ? depthwiseScale : convScale;
  return {
    needs: [input],
    evaluate: (tf, valueOf) => scale(tf, valueOf(input), valueOf(kernel), biasOf(valueOf), geometry),
  };
}

function convGeometry(node: GraphNode): ConvGeometry | undefined {
  const [, strideY = 1, strideX = 1] = integersAttribute(node, 'strides');
  const [, dilationY = 1, dilationX = 1] = integersAttribute(node, 'dilations');
  const pad = stringAttribute(node, 'padding')?.toLowerCase();
  if ((pad !== 'same' && pad !== 'valid') || stringAttribute(node, 'data_format') === 'NCHW') return undefined;
  return { strides: [strideY, strideX], pad, dilations: [dilationY, dilationX] };
}

function shifted(plan: ScalePlan, shift: string): ScalePlan {
  return { ...plan, evaluate: (tf, valueOf) => affineScale(tf, plan.evaluate(tf, valueOf), tf.scalar(1), valueOf(shift)) };
}

function scaled(plan: ScalePlan, factor: string): ScalePlan {
  return { ...plan, evaluate: (tf, valueOf) => affineScale(tf, plan.evaluate(tf, valueOf), valueOf(factor), null) };
}

function summed(a: ScalePlan, b: ScalePlan): ScalePlan {
  const needs = [...a.needs, ...b.needs];
  return { needs, evaluate: (tf, valueOf) => tf.add(a.evaluate(tf, valueOf), b.evaluate(tf, valueOf)) };
}

function normalised(plan: ScalePlan, node: GraphNode, inputs: readonly string[]): ScalePlan {
  const [, gamma = '', beta = '', mean = '', variance = ''] = inputs;
  const epsilon = numberAttribute(node, 'epsilon', 1e-3);
  return {
    ...plan,
    evaluate: (tf, valueOf) =>
      batchNormScale(tf, plan.evaluate(tf, valueOf), {
        mean: valueOf(mean),
        variance: valueOf(variance),
        gamma: valueOf(gamma),
        beta: valueOf(beta),
        epsilon,
      }),
  };
}
