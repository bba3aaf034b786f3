import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PACKING_WAYS } from '../../../../infra/models/onnx/packing-ways.ts';
import { encodeModel } from '../../../../infra/models/onnx/proto.ts';
import { floatTensor, intTensor, node } from '../../../../infra/models/onnx/tensors.ts';
import { onnxModels } from '../../../../infra/models/onnx.ts';
import { mlpNet, model, normals } from '../../../bench/random-nets.ts';
import { around, mixedConvNet, save, sessionOptions, tokenNet } from './nets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-faults-'));
});
afterAll(() => rm(folder, { recursive: true }));

const fault = (kind: string, more: Record<string, unknown> = {}) => ({ fault: { kind, ...more } });

describe('a model file', () => {
  it('that is missing is model-missing, naming it', async () => {
    const file = join(folder, 'absent.onnx');
    await expect(onnxModels.open(sessionOptions(file, { sampleShape: [4] }))).rejects.toMatchObject(
      fault('model-missing', { where: file }),
    );
  });

  it.each([
    ['text', Buffer.from('no model at all, just text')],
    ['nothing', Buffer.alloc(0)],
    ['half a model', mlpNet([4, 50, 3]).subarray(0, 500)],
    [
      'a graph that the runtime refuses',
      encodeModel(around([node('NoSuchOperator', ['z'], ['q']), node('Relu', ['q'], ['a'])])),
    ],
  ])('with %s is model-invalid, naming it', async (_what, bytes) => {
    const file = join(folder, 'bad.onnx');
    await writeFile(file, bytes);
    await expect(onnxModels.open(sessionOptions(file, { sampleShape: [3] }))).rejects.toMatchObject(
      fault('model-invalid', { where: file }),
    );
  });

  it('whose answer does not grow with the batch is model-invalid when it meets one, naming it', async () => {
    const nodes = [node('Relu', ['z'], ['r']), node('ReduceMean', ['r', 'axes'], ['a'])];
    const file = await save(folder, 'mean-of-batch.onnx', around(nodes, [intTensor('axes', [0])]));
    const session = await onnxModels.open(sessionOptions(file, { sampleShape: [3] }));
    const input = { type: 'float32', data: normals(18, 3), dims: [6, 3] } as const;
    await expect(session.encode(input)).rejects.toMatchObject(fault('model-invalid', { where: file }));
    await session.close();
  });

  it('without pre-activations is model-no-taps', async () => {
    const file = await save(folder, 'linear.onnx', around([node('Identity', ['z'], ['a'])]));
    await expect(onnxModels.inspect({ file, taps: 'auto' }, { granularity: 'image' })).rejects.toMatchObject(
      fault('model-no-taps', { where: file }),
    );
  });

  it('with weights in a file beside it reads them, and says which file is missing', async () => {
    const net = around([node('Relu', ['z'], ['a'])]);
    const w = net.graph!.initializer.find((tensor) => tensor.name === 'w')!;
    const plain = await save(folder, 'plain.onnx', net);
    const raw = w.rawData!;
    delete w.rawData;
    w.dataLocation = 1;
    w.externalData = [
      { key: 'location', value: 'w.bin' },
      { key: 'offset', value: '8' },
      { key: 'length', value: String(raw.length) },
    ];
    const file = await save(folder, 'external.onnx', net);
    await rm(join(folder, 'w.bin'), { force: true });
    await expect(onnxModels.open(sessionOptions(file, { sampleShape: [3] }))).rejects.toMatchObject(
      fault('model-missing', { where: join(folder, 'w.bin') }),
    );
    await writeFile(join(folder, 'w.bin'), Buffer.concat([Buffer.alloc(8), raw]));
    const input = { type: 'float32' as const, data: normals(18, 3), dims: [6, 3] };
    const codes = [];
    for (const path of [plain, file]) {
      const session = await onnxModels.open(sessionOptions(path, { sampleShape: [3] }));
      codes.push([...(await session.encode(input)).codes[0]!]);
      await session.close();
    }
    expect(codes[1]).toEqual(codes[0]);
    w.externalData[0]!.value = '../w.bin';
    const escaping = await save(folder, 'escaping.onnx', net);
    await expect(onnxModels.open(sessionOptions(escaping, { sampleShape: [3] }))).rejects.toMatchObject(
      fault('model-invalid'),
    );
  });
});

describe('shapes', () => {
  it('of data and model that differ are a shape-mismatch naming both', async () => {
    const file = await save(folder, 'conv.onnx', mixedConvNet());
    await expect(onnxModels.open(sessionOptions(file, { sampleShape: [1, 28, 28] }))).rejects.toMatchObject(
      fault('shape-mismatch', { what: expect.stringMatching(/\[1, 28, 28\].*\[2, 7, 5\]/) }),
    );
  });

  it('of a batch that differ from the session are a shape-mismatch', async () => {
    const file = await save(folder, 'mlp.onnx', mlpNet([4, 5, 3]));
    const session = await onnxModels.open(sessionOptions(file, { sampleShape: [4], batchSamples: 8 }));
    const data = new Float32Array(40);
    await expect(session.encode({ type: 'float32', data, dims: [8, 5] })).rejects.toMatchObject(
      fault('shape-mismatch'),
    );
    await expect(session.encode({ type: 'float32', data, dims: [10, 4] })).rejects.toMatchObject(
      fault('shape-mismatch'),
    );
    await expect(
      session.encode({ type: 'int64', data: new BigInt64Array(32), dims: [8, 4] }),
    ).rejects.toMatchObject(fault('shape-mismatch'));
    await session.close();
  });

  it('fixed by the export, batch included, are kept', async () => {
    const net = around([node('Relu', ['z'], ['a'])]);
    net.graph!.input[0]!.type!.tensorType!.shape!.dim![0] = { dimValue: 4 };
    const fixed = await save(folder, 'fixed.onnx', net);
    const input = { type: 'float32' as const, data: normals(30, 6), dims: [10, 3] };
    const free = await save(folder, 'free.onnx', around([node('Relu', ['z'], ['a'])]));
    const codes = [];
    for (const file of [fixed, free]) {
      const session = await onnxModels.open(sessionOptions(file, { sampleShape: [3], batchSamples: 10 }));
      codes.push([...(await session.encode(input)).codes[0]!]);
      await session.close();
    }
    expect(codes[0]).toEqual(codes[1]);
  });
});

describe('inputs', () => {
  it('need a name where there are several', async () => {
    const net = around([node('Relu', ['z'], ['a'])]);
    net.graph!.input.push({ name: 'y', type: net.graph!.input[0]!.type! });
    const file = await save(folder, 'two.onnx', net);
    await expect(onnxModels.inspect({ file, taps: 'auto' }, { granularity: 'image' })).rejects.toMatchObject(
      fault('config-invalid', { where: 'model.input', remedy: 'Allowed: x, y' }),
    );
    await expect(
      onnxModels.inspect({ file, taps: 'auto', input: 'q' }, { granularity: 'image' }),
    ).rejects.toMatchObject(fault('config-invalid', { value: 'q' }));
    await expect(
      onnxModels.inspect({ file, taps: 'auto', input: 'x' }, { granularity: 'image' }),
    ).rejects.toMatchObject(fault('model-invalid', { where: 'input y' }));
  });

  it('such as an attention mask are filled', async () => {
    const net = tokenNet(['op']);
    net.graph!.input.push({ name: 'attention_mask', type: net.graph!.input[0]!.type! });
    net.graph!.input[0] = { ...net.graph!.input[0]!, name: 'input_ids' };
    for (const one of net.graph!.node)
      one.input = one.input.map((name) => (name === 'x' ? 'input_ids' : name));
    const file = await save(folder, 'masked.onnx', net);
    const info = await onnxModels.inspect({ file, taps: 'auto' }, { granularity: 'image' });
    expect(info.input.name).toBe('input_ids');
  });
});

describe('values that are not finite', () => {
  it.each([Number.NaN, Infinity, -Infinity])('%s in the input names the row', async (bad) => {
    const file = await save(folder, 'mlp.onnx', mlpNet([4, 5, 3]));
    const session = await onnxModels.open(sessionOptions(file, { sampleShape: [4], batchSamples: 8 }));
    const data = normals(32, 1);
    data[22] = bad;
    await expect(session.encode({ type: 'float32', data, dims: [8, 4] })).rejects.toMatchObject(
      fault('non-finite-input', { where: 'row 5 of the batch' }),
    );
    data[22] = 0;
    await expect(session.encode({ type: 'float32', data, dims: [8, 4] })).resolves.toBeDefined();
    await session.close();
  });

  // A finite input may overflow inside; max-pool and a dead output layer then hide it from the logits.
  it.each(PACKING_WAYS)('made inside the net name the row, whichever way packs: %s', async (packing) => {
    const nodes = [
      node('Mul', ['x', 'huge'], ['h']),
      node('Sub', ['h', 'h'], ['z']),
      node('Relu', ['z'], ['r']),
      node('Mul', ['r', 'none'], ['m']),
      node('IsNaN', ['m'], ['n']),
      node('Cast', ['n'], ['a'], { to: 1 }),
    ];
    const initializers = [floatTensor('huge', [], [1e38]), floatTensor('none', [], [0])];
    const file = await save(
      folder,
      'overflow.onnx',
      model({ nodes, initializers, input: ['batch', 3], output: 'a', outputRank: 2 }),
    );
    const session = await onnxModels.open(sessionOptions(file, { sampleShape: [3], packing }));
    const data = new Float32Array(15).fill(1);
    data[10] = 100;
    await expect(session.encode({ type: 'float32', data, dims: [5, 3] })).rejects.toMatchObject(
      fault('non-finite-input', { where: 'row 3 of the batch', value: 'z' }),
    );
    await session.close();
  });

  it.each([
    ['Gemm', [node('Gemm', ['h', 'w', 'b'], ['z'])]],
    ['Conv', [node('Conv', ['h4', 'w4'], ['z'])]],
  ])('a NaN survives the fused %s and Relu', async (what, layer) => {
    const nodes = [
      node('Mul', ['x', 'huge'], ['p']),
      node('Sub', ['p', 'p'], ['h']),
      node('Reshape', ['h', 'to4'], ['h4']),
      ...layer,
      node('Relu', ['z'], ['a']),
    ];
    const initializers = [
      floatTensor('huge', [], [1e38]),
      floatTensor('w', [16, 5], normals(80, 1)),
      floatTensor('b', [5], normals(5, 2)),
      floatTensor('w4', [16, 16, 1, 1], normals(256, 3)),
      { name: 'to4', dims: [4], dataType: 7, int64Data: [-1, 16, 1, 1] },
    ];
    const net = model({
      nodes,
      initializers,
      input: ['batch', 16],
      output: 'a',
      outputRank: what === 'Conv' ? 4 : 2,
    });
    const session = await onnxModels.open(
      sessionOptions(await save(folder, 'fused.onnx', net), { sampleShape: [16] }),
    );
    const data = new Float32Array(48).fill(1);
    data[40] = 100;
    await expect(session.encode({ type: 'float32', data, dims: [3, 16] })).rejects.toMatchObject(
      fault('non-finite-input', { where: 'row 2 of the batch' }),
    );
    await session.close();
  });
});

describe('device', () => {
  it('cuda is never replaced by the CPU', async () => {
    const file = await save(folder, 'mlp.onnx', mlpNet([4, 5, 3]));
    const options = sessionOptions(file, { sampleShape: [4] });
    const opened = onnxModels.open({ ...options, model: { ...options.model, device: 'cuda' } });
    await opened.then(
      (session) => expect(session.backend).toBe('onnxruntime-node/cuda'),
      (error) => expect(error).toMatchObject(fault('device-unavailable', { where: 'model.device' })),
    );
  });
});
