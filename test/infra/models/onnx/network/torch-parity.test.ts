// The example models against PyTorch: codes of float32 passes, and Jacobian-vector products of autograd in float64.
// test/golden/torch/make_torch.py made the numbers.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bitAt } from '../../../../../activities/polytope/code-layout.ts';
import { pushForward } from '../../../../../activities/polytope/push-forward.ts';
import { crossingsOnSegments } from '../../../../../activities/polytope/segment-crossings.ts';
import { openFile } from './open-net.ts';

interface Golden {
  readonly models: readonly {
    readonly model: string;
    readonly shape: readonly number[];
    readonly cases: readonly {
      readonly codes: Readonly<Record<string, string>>;
      readonly products: readonly (readonly number[])[];
    }[];
  }[];
}

const here = (path: string) => fileURLToPath(new URL(`../../../../../${path}`, import.meta.url));
const { models } = JSON.parse(readFileSync(here('test/golden/torch/torch.json'), 'utf8')) as Golden;

/** The points and directions of the script. */
const pointOf = (k: number, size: number) =>
  Float32Array.from(
    { length: size },
    (_, i) => ((i * 7919 + k * 104_729 + Math.floor(i / 28) * 31) % 256) / 255,
  );
const directionOf = (k: number, size: number) =>
  Float64Array.from({ length: size }, (_, i) => (((i * 31 + k * 17) % 23) - 11) / 8);

/** Rounding of float32 may flip a bit whose pre-activation is smaller than this share of the layer's largest. */
const AMBIGUOUS = 1e-5;

/** Differences are taken at states whose 12,544 pooled entries lie a unit apart: that costs some digits. */
const POOLED_GAP = 1e-10;

describe.each(models)('$model', ({ model, shape, cases }) => {
  const size = shape.reduce((a, b) => a * b, 1);
  const network = openFile(here(`examples/${model}/model.onnx`), shape);

  it.each(cases.map((one, k) => ({ k, ...one })))(
    'point $k has the codes of PyTorch, but for ambiguous bits',
    async ({ k, codes }) => {
      const { taps, forward } = await network;
      const input = { type: 'float32', data: pointOf(k, size), dims: [1, ...shape] } as const;
      const values = await forward(input, { to: taps.map(({ name }) => name) });
      const layers = Object.entries(codes);
      expect(layers.length).toBe(taps.length);
      let [ambiguous, on, all] = [0, 0, 0];
      for (const [tap, [layer, hex]] of layers.entries()) {
        const pre = values.get(taps[tap]!.name)!;
        const theirs = Uint8Array.from(Buffer.from(hex, 'hex'));
        expect(theirs.length).toBe(Math.ceil(pre.length / 8));
        const limit = AMBIGUOUS * pre.reduce((most, z) => Math.max(most, Math.abs(z)), 0);
        const wrong: string[] = [];
        pre.forEach((z, unit) => {
          all++;
          on += bitAt(theirs, unit);
          if (Math.abs(z) < limit) ambiguous++;
          else if (z > 0 !== (bitAt(theirs, unit) === 1)) wrong.push(`${layer} ${unit}: ${z}`);
        });
        expect(wrong).toEqual([]);
      }
      expect(ambiguous).toBeLessThanOrEqual(1 + 0.001 * all);
      expect(on).toBeGreaterThan(0.05 * all);
    },
  );

  it('has the Jacobian of autograd', async () => {
    const net = await (await network).piecewise({ from: 'input' });
    for (const [k, { products }] of cases.entries()) {
      for (const [d, expected] of products.entries()) {
        const found = await pushForward(net, Float64Array.from(pointOf(k, size)), directionOf(d, size));
        const most = Math.max(...expected.map(Math.abs));
        found.forEach((value, i) => {
          expect(Math.abs(value - expected[i]!) / most).toBeLessThan(
            net.taps.some(({ kind }) => kind === 'pool') ? POOLED_GAP : 1e-12,
          );
        });
      }
    }
    await net.close();
  });
});

it('bits that rounding could flip are counted sample by sample, from the norms of weights and activations', async () => {
  const [size, samples] = [784, 18];
  const network = await openFile(here('examples/mnist-mlp/model.onnx'), [size]);
  const data = new Float32Array(samples * size);
  for (let k = 0; k < samples; k++) data.set(pointOf(k, size), k * size);
  const net = await network.piecewise({ from: 'input' });
  // The last points lie where units of the second layer change their sign.
  const [from, to] = [0, 1].map((k) => Float64Array.from(pointOf(k, size))) as [Float64Array, Float64Array];
  const [{ flips } = { flips: null }] = await crossingsOnSegments(net, { from, to });
  const places = [...flips!.t].filter((_, i) => flips!.tap[i] === 1).slice(0, 4);
  for (const [i, t] of places.entries())
    data.set(
      from.map((x, at) => x + t * (to[at]! - x)),
      (samples - 1 - i) * size,
    );
  const input = { type: 'float32', data, dims: [samples, size] } as const;
  const [first, second] = network.taps.map(({ name }) => name);
  const counts = (await network.ambiguous(input)).get(second!)!;
  const values = await network.forward(input, { to: [first!, second!] });
  const { weights, bias } = net.dense(1)!;
  const inputs = weights.length / bias.length;
  const norms = Array.from(bias, (_, unit) =>
    Math.hypot(...weights.subarray(unit * inputs, (unit + 1) * inputs)),
  );
  const limits = Array.from({ length: samples }, (_, sample) => {
    const a = values.get(first!)!.subarray(sample * inputs, (sample + 1) * inputs);
    const norm = Math.hypot(...a.map((z) => Math.max(z, 0)));
    return norms.map((w, unit) => 1e-5 * (w * norm + Math.abs(bias[unit]!)));
  });
  const expected = limits.map(
    (own, sample) =>
      own.filter((limit, unit) => Math.abs(values.get(second!)![sample * bias.length + unit]!) < limit)
        .length,
  );
  expect([...counts]).toEqual(expected);
  expect([...counts.slice(-places.length)].every((count) => count > 0)).toBe(true);
  expect(places.length).toBe(4);
  await net.close();
  await network.close();
});
