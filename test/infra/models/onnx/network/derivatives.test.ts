// Exact derivatives of ONNX graphs against central differences of an evaluator in plain float64 loops, and their bias-free
// copies on rays from the origin.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../../../../activities/numeric/rng.ts';
import { withoutBiases } from '../../../../../activities/polytope/bias-free-net.ts';
import { PullBack } from '../../../../../activities/polytope/pull-back.ts';
import { pushForward } from '../../../../../activities/polytope/push-forward.ts';
import { crossingsOnSegments } from '../../../../../activities/polytope/segment-crossings.ts';
import { decodeModel, encodeModel, type GraphProto } from '../../../../../infra/models/onnx/proto.ts';
import { mixedConvNet, save } from '../nets.ts';
import { openFile, tensorsAt } from './open-net.ts';
import {
  convolutions,
  denseVariants,
  inceptionBlock,
  layouts,
  residual,
  type SmallNet,
} from './small-nets.ts';

const NETS: readonly (readonly [string, SmallNet])[] = [
  ['dense layers of every form', denseVariants()],
  ['convolutions and average pools', convolutions()],
  ['inception branches with overlapping max-pools', inceptionBlock()],
  ['residual sums with Clip and a shared pre-activation', residual()],
  ['operators that move entries', layouts()],
  ['branches, BatchNorm, Clip and PRelu', { net: mixedConvNet(), shape: [2, 7, 5] }],
];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-derivatives-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function opened(name: string, { net, shape }: SmallNet) {
  const file = await save(folder, `${name.replaceAll(/\W/g, '-')}.onnx`, net);
  const graph = decodeModel(encodeModel(net)).graph as GraphProto;
  const network = await openFile(file, shape);
  const exact = await network.piecewise({ from: 'input' });
  const outputsAt = (point: Float64Array) => tensorsAt(graph, shape, point).get(network.logits!)!.data;
  return { exact, network, outputsAt };
}

const draw = (size: number, seed: number) =>
  Float64Array.from({ length: size }, randomStream(seed, 5).normal);

describe.each(NETS)('%s', (name, small) => {
  it('have the slopes of central differences, along a direction and as gradients', async () => {
    const { exact, network, outputsAt } = await opened(name, small);
    const { size } = exact.start;
    for (let seed = 0; seed < 3; seed++) {
      const [point, direction] = [draw(size, seed), draw(size, 30 + seed)];
      const h = 1e-6;
      const [ahead, behind] = [h, -h].map((step) => outputsAt(point.map((x, i) => x + step * direction[i]!)));
      const pushed = await pushForward(exact, point, direction);
      pushed.forEach((slope, k) => {
        expect(slope).toBeCloseTo((ahead![k]! - behind![k]!) / (2 * h), 6);
      });
      const { gradients } = await new PullBack(exact).at(point, (logits) => logits.map((_, k) => k + 1));
      const along = gradients.reduce((sum, value, i) => sum + value * direction[i]!, 0);
      expect(along).toBeCloseTo(
        pushed.reduce((sum, slope, k) => sum + (k + 1) * slope, 0),
        9,
      );
    }
    await exact.close();
    await network.close();
  });

  it('cross nothing on a ray once their biases are gone', async () => {
    const { exact, network } = await opened(name, small);
    const copy = withoutBiases(exact);
    const bends = exact.stages.flatMap(({ taps }) =>
      taps.flatMap((tap) => (tap.kind === 'relu' ? tap.bends : [])),
    );
    expect(copy === null).toBe(bends.some((bend) => bend !== 0));
    if (copy !== null) {
      const point = draw(exact.start.size, 8);
      const ray = { from: point.map((x) => 0.1 * x), to: point.map((x) => 10 * x) };
      const [found] = await crossingsOnSegments(copy, ray);
      expect([found!.crossings, found!.poolCrossings, found!.hamming]).toEqual([0, 0, 0]);
    }
    await exact.close();
    await network.close();
  });
});
