// Opens nets that tests write, and evaluates them in plain float64.

import type { ModelVariant, Network } from '../../../../../activities/experiments/network.ts';
import type { PiecewiseNet } from '../../../../../activities/polytope/piecewise-net.ts';
import type { GraphProto } from '../../../../../infra/models/onnx/proto.ts';
import { openNetwork } from '../../../../../infra/models/onnx-network.ts';
import { evaluateFloat64, type Values } from '../../../../oracle/float64-evaluator.ts';

export const TRAINED: ModelVariant = { kind: 'trained', seed: 0 };

export function openFile(
  file: string,
  sampleShape: readonly number[],
  { variant = TRAINED, taps = 'auto' }: { variant?: ModelVariant; taps?: 'auto' | string[] } = {},
): Promise<Network> {
  const model = { file, control: 'none', taps, device: 'cpu', threads: 1 } as const;
  return openNetwork({ model, variant, sampleShape, threads: 1 });
}

/** All tensors of the graph at one point. */
export function tensorsAt(
  graph: GraphProto,
  shape: readonly number[],
  point: ArrayLike<number>,
): Map<string, Values> {
  return evaluateFloat64(graph, { dims: [1, ...shape], data: Float64Array.from(point) });
}

/** Per tap its bits, or the symbols of a max-pool: 0 where the maximum is not above 0, else 1 + first winner. */
export function codesOf(net: PiecewiseNet, graph: GraphProto, tensors: Map<string, Values>): number[][] {
  const units = net.stages.flatMap(({ taps }) => taps);
  return net.taps.map(({ name }, tap) => {
    const of = units.find((unit) => unit.tap === tap)!;
    if (of.kind === 'relu') return Array.from(tensors.get(name)!.data, (z) => (z > 0 ? 1 : 0));
    const pool = graph.node.find(({ output }) => output[0] === name)!;
    const { data } = tensors.get(pool.input[0]!)!;
    return Array.from({ length: of.units }, (_, window) => {
      const columns = of.windows.subarray(window * of.windowSize, (window + 1) * of.windowSize);
      const values = Array.from(columns, (column) => (column < 0 ? Number.NEGATIVE_INFINITY : data[column]!));
      const most = Math.max(...values);
      return most > 0 ? 1 + values.indexOf(most) : 0;
    });
  });
}
