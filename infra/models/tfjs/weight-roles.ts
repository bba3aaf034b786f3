// Which weights of a TensorFlow.js model the controls rewrite: kernels, biases and embeddings. Gains, shifts, statistics,
// slopes and every other constant stay as they are.

import type { io } from '@tensorflow/tfjs';
import type { WeightRole } from '../../../activities/polytope/weight-control.ts';
import type { GraphNode, TfjsArtifacts } from './artifacts.ts';
import { inputsOf } from './graph-nodes.ts';

type Spec = Pick<io.WeightsManifestEntry, 'name' | 'shape'>;

const DEPTHWISE_OPS = new Set(['DepthwiseConv2d', 'DepthwiseConv2dNative', 'FusedDepthwiseConv2dNative']);
const LINEAR_OPS = new Set(['MatMul', '_FusedMatMul', 'Conv1D', 'Conv2D', '_FusedConv2D', ...DEPTHWISE_OPS]);
const FUSED_OPS = new Set(['_FusedMatMul', '_FusedConv2D', 'FusedDepthwiseConv2dNative']);

/** Roles by weight name. */
export function weightRoles({ kind, topology, weightSpecs }: TfjsArtifacts): Map<string, WeightRole> {
  return kind === 'graph'
    ? graphRoles(topology['node'] as GraphNode[], weightSpecs)
    : layersRoles(weightSpecs);
}

// Keras names weights <layer>/kernel, <layer>/bias; a layer's bias has its kernel's fan-in.
function layersRoles(specs: readonly Spec[]): Map<string, WeightRole> {
  const roles = new Map<string, WeightRole>();
  const fanIns = new Map<string, number>();
  for (const { name, shape } of specs) {
    const [layer, weight] = splitName(name);
    if (weight === 'embeddings') roles.set(name, { kind: 'embedding' });
    if (!/^(depthwise_|pointwise_|recurrent_)?kernel$/.test(weight)) continue;
    const inputs = fanIn(shape, weight === 'depthwise_kernel');
    roles.set(name, { kind: 'linear', fanIn: inputs });
    fanIns.set(layer, inputs);
  }
  for (const { name } of specs) {
    const [layer, weight] = splitName(name);
    const inputs = fanIns.get(layer);
    if (weight === 'bias' && inputs !== undefined) roles.set(name, { kind: 'linear', fanIn: inputs });
  }
  return roles;
}

function splitName(name: string): [string, string] {
  const plain = name.replace(/:\d+$/, '');
  const slash = plain.lastIndexOf('/');
  return [plain.slice(0, slash), plain.slice(slash + 1).replace(/_\d+$/, '')];
}

function graphRoles(nodes: readonly GraphNode[], specs: readonly Spec[]): Map<string, WeightRole> {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  const roles = new Map<string, WeightRole>();
  // Frozen variables may still be read through Identity.
  const source = (name: string | undefined): string => {
    const node = byName.get(name ?? '');
    return node?.op === 'Identity' ? source(inputsOf(node)[0]) : (name ?? '');
  };
  const linearFanIn = (node: GraphNode | undefined): number | undefined => {
    if (node === undefined || !LINEAR_OPS.has(node.op)) return undefined;
    const shape = shapes.get(source(inputsOf(node)[1]));
    if (shape === undefined) return undefined;
    const turned = (node.attr?.['transpose_b'] as { b?: boolean } | undefined)?.b === true;
    return fanIn(turned ? [...shape].reverse() : shape, DEPTHWISE_OPS.has(node.op));
  };
  for (const node of nodes) {
    const [a, b, c] = inputsOf(node).map(source);
    const inputs = linearFanIn(node);
    if (inputs !== undefined) roles.set(b!, { kind: 'linear', fanIn: inputs });
    if (inputs !== undefined && FUSED_OPS.has(node.op) && shapes.has(c!))
      roles.set(c!, { kind: 'linear', fanIn: inputs });
    if (node.op === 'GatherV2' && shapes.get(a!)?.length === 2) roles.set(a!, { kind: 'embedding' });
    if (node.op !== 'BiasAdd' && node.op !== 'AddV2' && node.op !== 'Add') continue;
    const before = linearFanIn(byName.get(a!));
    if (before !== undefined && shapes.get(b!)?.length === 1)
      roles.set(b!, { kind: 'linear', fanIn: before });
  }
  return roles;
}

// Kernels are [in, out], [width, in, out] or [height, width, in, out]; depthwise ones see one channel each.
function fanIn(shape: readonly number[], depthwise: boolean): number {
  return shape.slice(0, depthwise ? -2 : -1).reduce((product, size) => product * size, 1);
}
