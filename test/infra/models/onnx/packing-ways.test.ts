import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InputTensor } from '../../../../activities/ports.ts';
import { PACKING_WAYS } from '../../../../infra/models/onnx/packing-ways.ts';
import { encodeModel } from '../../../../infra/models/onnx/proto.ts';
import { onnxModels } from '../../../../infra/models/onnx.ts';
import { mlpNet, normals, testRandom } from '../../../bench/random-nets.ts';
import { GELU_FORMS, mixedConvNet, save, sessionOptions, tokenNet } from './nets.ts';
import { byPosition, byToken, compare, inRows, preActivations, snapshot } from './oracle.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-ways-'));
});
afterAll(() => rm(folder, { recursive: true }));

const floats = (samples: number, shape: readonly number[], seed = 1): InputTensor => {
  const dims = [samples, ...shape];
  return {
    type: 'float32',
    data: normals(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
    dims,
  };
};
const tokens = (sequences: number, length: number): InputTensor => {
  const random = testRandom(3);
  return {
    type: 'int64',
    data: BigInt64Array.from({ length: sequences * length }, () => BigInt(Math.floor(random() * 13))),
    dims: [sequences, length],
  };
};

const NETS = [
  {
    name: 'mlp',
    bytes: mlpNet([17, 33, 64, 5, 3]),
    shape: [17],
    input: floats(11, [17]),
    granularity: 'image',
  },
  {
    name: 'conv, image',
    bytes: encodeModel(mixedConvNet()),
    shape: [2, 7, 5],
    input: floats(11, [2, 7, 5]),
    granularity: 'image',
  },
  {
    name: 'conv, position',
    bytes: encodeModel(mixedConvNet()),
    shape: [2, 7, 5],
    input: floats(11, [2, 7, 5]),
    granularity: 'position',
  },
  {
    name: 'tokens',
    bytes: encodeModel(tokenNet(GELU_FORMS)),
    shape: [9],
    input: tokens(11, 9),
    granularity: 'image',
  },
] as const;

describe.each(NETS)('$name', (net) => {
  it.each(PACKING_WAYS)('%s packs the signs of every pre-activation', async (packing) => {
    const file = await save(folder, 'net.onnx', net.bytes);
    const session = await onnxModels.open(
      sessionOptions(file, {
        sampleShape: net.shape,
        batchSamples: 16,
        granularity: net.granularity,
        packing,
      }),
    );
    const batch = await session.encode(net.input);
    const z = await preActivations(
      net.bytes,
      session.taps.map((tap) => tap.name),
      net.input,
    );
    session.taps.forEach((tap, i) => {
      const values = z.get(tap.name)!;
      const locate =
        net.name === 'tokens'
          ? byToken
          : net.granularity === 'position' && tap.kind === 'conv'
            ? byPosition
            : inRows;
      const rows = values.data.length / tap.codeBits;
      const result = compare(batch.codes[i]!, values, { bits: tap.codeBits, rows, locate });
      expect(result, tap.name).toMatchObject({ wrong: 0, pads: 0, bytes: 0 });
      expect(result.on).toBeGreaterThan(0);
      expect(result.on).toBeLessThan(rows * tap.codeBits);
      const within =
        values.data.length > 0 && tap.activation === 'Gelu'
          ? [...(values.data as Float32Array)].filter((v) => Math.abs(v) < 2).length
          : Number.NaN;
      expect(batch.softCounts[i]).toBe(within);
    });
    await session.close();
  });

  it('gives equal bytes in every way, for every thread count', async () => {
    const file = await save(folder, 'net.onnx', net.bytes);
    const results = [];
    for (const packing of [...PACKING_WAYS, 'auto']) {
      for (const threads of [1, 3]) {
        const session = await onnxModels.open(
          sessionOptions(file, {
            sampleShape: net.shape,
            batchSamples: 16,
            granularity: net.granularity,
            packing,
            threads,
            countAmbiguous: true,
          }),
        );
        results.push(snapshot(await session.encode(net.input)));
        await session.close();
      }
    }
    for (const result of results) expect(result).toEqual(results[0]);
  });

  it('gives the same rows for a short batch as for a full one', async () => {
    const file = await save(folder, 'net.onnx', net.bytes);
    const session = await onnxModels.open(
      sessionOptions(file, { sampleShape: net.shape, batchSamples: 11, granularity: net.granularity }),
    );
    const whole = snapshot(await session.encode(net.input));
    const size = net.shape.reduce((a, b) => a * b, 1);
    const short = snapshot(
      await session.encode({
        ...net.input,
        data: net.input.data.slice(0, 4 * size) as Float32Array,
        dims: [4, ...net.shape],
      }),
    );
    short.codes.forEach((code, i) => {
      expect(code.length).toBe((whole.codes[i]!.length / 11) * 4);
      expect(whole.codes[i]!.startsWith(code)).toBe(true);
    });
    expect(short.logits!.data).toEqual(whole.logits!.data.slice(0, short.logits!.data.length));
    await session.close();
  });
});

describe('an encoded batch', () => {
  it('carries logits and the norm of every sample', async () => {
    const net = NETS[0];
    const file = await save(folder, 'mlp.onnx', net.bytes);
    const session = await onnxModels.open(sessionOptions(file, { sampleShape: net.shape, batchSamples: 16 }));
    const batch = await session.encode(net.input);
    const expected = await preActivations(net.bytes, ['logits'], net.input);
    expect(batch.logits?.classes).toBe(3);
    (expected.get('logits')!.data as Float32Array).forEach((value, i) => {
      expect(batch.logits!.data[i]).toBeCloseTo(value, 4);
    });
    for (let row = 0; row < 11; row++) {
      expect(batch.inputNorms![row]).toBeCloseTo(
        Math.hypot(...(net.input.data as Float32Array).subarray(row * 17, (row + 1) * 17)),
        4,
      );
    }
    await session.close();
  });

  it('reads a model larger than one run in pieces', async () => {
    // Above 64 MiB, and in three runs of 128 rows, of which the last is not full.
    const bytes = mlpNet([4, 4200, 4200, 3]);
    const file = await save(folder, 'wide.onnx', bytes);
    const session = await onnxModels.open(sessionOptions(file, { sampleShape: [4], batchSamples: 300 }));
    const input = floats(300, [4], 8);
    const batch = await session.encode(input);
    const z = await preActivations(bytes, ['z1', 'z2'], input);
    for (const [i, name] of ['z1', 'z2'].entries()) {
      expect(compare(batch.codes[i]!, z.get(name)!, { bits: 4200, rows: 300, locate: inRows })).toMatchObject(
        { wrong: 0, pads: 0, bytes: 0 },
      );
    }
    await session.close();
  });

  it('refuses an unknown way, naming the known ones', async () => {
    const file = await save(folder, 'mlp.onnx', NETS[0].bytes);
    await expect(
      onnxModels.open(sessionOptions(file, { sampleShape: [17], packing: 'fast' })),
    ).rejects.toMatchObject({
      fault: {
        kind: 'config-invalid',
        where: 'codes.packing',
        value: 'fast',
        remedy: expect.stringContaining('float-simd'),
      },
    });
  });
});
