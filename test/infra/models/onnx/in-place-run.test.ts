import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPatch } from '../../../../infra/models/onnx/graph-patch.ts';
import { addEndOfRun, runInPlace } from '../../../../infra/models/onnx/in-place-run.ts';
import { decodeModel, encodeModel } from '../../../../infra/models/onnx/proto.ts';
import { onnxModels } from '../../../../infra/models/onnx.ts';
import { mlpNet, normals } from '../../../bench/random-nets.ts';
import { save, sessionOptions } from './nets.ts';

const SAMPLES = 2048;
const WIDTH = 1024;
const TAP_BYTES = 4 * SAMPLES * WIDTH;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-in-place-'));
});
afterAll(() => rm(folder, { recursive: true }));

const net = mlpNet([4, WIDTH, 2]);
const input = { type: 'float32', data: normals(SAMPLES * 4, 1), dims: [SAMPLES, 4] } as const;
const withOpset = (version: number) => {
  const model = decodeModel(net);
  return { ...model, opsetImport: [{ domain: '', version }] };
};

describe('an encoder session', () => {
  it('makes no copy of the taps in JavaScript memory', async () => {
    const session = await open(net);
    await session.encode(input);
    const grown: number[] = [];
    for (let run = 0; run < 4; run++) {
      const before = process.memoryUsage().arrayBuffers;
      await session.encode(input);
      grown.push(process.memoryUsage().arrayBuffers - before);
    }
    await session.close();
    // A collection may shrink what is held; a copy that is made shows in some run.
    expect(Math.max(...grown)).toBeLessThan(TAP_BYTES / 8);
  });

  it('gives the same codes and logits for opsets that know no sequences', async () => {
    const [now, old] = [await open(net), await open(encodeModel(withOpset(10)))];
    const few = { ...input, data: input.data.subarray(0, 5 * 4), dims: [5, 4] };
    const [a, b] = [await now.encode(few), await old.encode(few)];
    expect(b.codes).toStrictEqual(a.codes);
    expect(b.logits).toStrictEqual(a.logits);
    await Promise.all([now.close(), old.close()]);
  });
});

describe('runInPlace', () => {
  it('has no end to ask for before opset 11', () => {
    expect(addEndOfRun(createPatch(), withOpset(10))).toBeNull();
    expect(addEndOfRun(createPatch(), withOpset(11))).not.toBeNull();
  });

  it('throws faults of the run on', async () => {
    const session = await InferenceSession.create(net);
    const feeds = { x: new Tensor('float32', new Float32Array(3), [1, 3]) };
    const into = { logits: new Tensor('float32', new Float32Array(2), [1, 2]) };
    await expect(runInPlace(session, feeds, into)).rejects.toThrow(/dimension/i);
    await session.release();
  });
});

async function open(bytes: Uint8Array) {
  const file = await save(folder, 'net.onnx', bytes);
  return onnxModels.open(sessionOptions(file, { sampleShape: [4], batchSamples: SAMPLES }));
}
