// Fused nodes split into the linear operator and the activation; order of execution.

import { expect, it } from 'vitest';
import type { GraphNode } from '../../../infra/models/tfjs/artifacts.ts';
import {
  inOrderOfExecution,
  splitFusedActivations,
  stringsAttribute,
} from '../../../infra/models/tfjs/graph-nodes.ts';
import { graphNode, text } from './tfjs-fixtures.ts';

function fused(op: string, activation: string, input: string[], more: object = {}): GraphNode {
  const ops = ['BiasAdd', activation].filter((name) => name !== '').map((name) => text(name).s);
  return graphNode(op, 'f', input, {
    fused_ops: { list: { s: ops } },
    num_args: { i: String(input.length - 2) },
    ...more,
  }) as GraphNode;
}

it.each([
  ['_FusedMatMul', 'Relu', 'Relu'],
  ['_FusedConv2D', 'Relu6', 'Relu6'],
  ['FusedDepthwiseConv2dNative', 'Relu', 'Relu'],
])('splits %s with %s and leaves the bias fused', (op, activation, alone) => {
  const [linear, after] = splitFusedActivations([fused(op, activation, ['a', 'w', 'b'])]);
  expect(linear).toMatchObject({ name: 'f/preactivation', op, input: ['a', 'w', 'b'] });
  expect(stringsAttribute(linear!, 'fused_ops')).toEqual(['biasadd']);
  expect(after).toMatchObject({ name: 'f', op: alone, input: ['f/preactivation'] });
});

it('moves the slopes of PReLU and the slope of LeakyReLU to the activation', () => {
  const [linear, prelu] = splitFusedActivations([fused('_FusedConv2D', 'Prelu', ['a', 'w', 'b', 'slopes'])]);
  expect(linear).toMatchObject({ input: ['a', 'w', 'b'], attr: { num_args: { i: '1' } } });
  expect(prelu).toMatchObject({ op: 'Prelu', input: ['f/preactivation', 'slopes'] });
  const [, leaky] = splitFusedActivations([
    fused('_FusedMatMul', 'LeakyRelu', ['a', 'w', 'b'], { leakyrelu_alpha: { f: 0.3 } }),
  ]);
  expect(leaky).toMatchObject({ op: 'LeakyRelu', attr: { alpha: { f: 0.3 } } });
});

it.each(['', 'Elu', 'Sigmoid'])('leaves a fused node with activation "%s" whole', (activation) => {
  const node = fused('_FusedMatMul', activation, ['a', 'w', 'b']);
  expect(splitFusedActivations([node])).toEqual([node]);
});

it('puts every node after its inputs and keeps the order of the others', () => {
  const nodes = [
    graphNode('Relu', 'c', ['b:0', '^side']),
    graphNode('Add', 'b', ['a', 'a']),
    graphNode('Const', 'a'),
    graphNode('Const', 'z'),
  ];
  expect(inOrderOfExecution(nodes as GraphNode[]).map(({ name }) => name)).toEqual(['a', 'b', 'c', 'z']);
});
