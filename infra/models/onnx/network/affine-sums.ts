// Affine operators that add entries up, in float64: ONNX Runtime has no double-precision convolution or average pool, so
// windows are gathered into columns and multiplied.

import type { NodeProto } from '../proto.ts';
import { elements, floatAttribute, intAttribute } from '../tensors.ts';
import { integers } from './affine-layout.ts';
import type { ConstantTensor } from './constants.ts';
import { constantInput, acrossSamples, type Lower, type Lowering, sampleAxis, unfit } from './lowering.ts';
import { BEYOND, kernelShape, PADDING, type Windows, windowsOf } from './windows.ts';

/** Gemm with a live left factor. */
export const gemm: Lower = (node, lowering) => {
  const { graph } = lowering;
  const [x = '', , bias = ''] = node.input;
  const { weights, inputs, outputs } = gemmWeights(node, lowering);
  const product = graph.add('MatMul', [lowering.tensor(x), graph.doubles([inputs, outputs], weights)]);
  if (bias === '') return [product];
  const beta = floatAttribute(node, 'beta', 1);
  const { dims, values } = lowering.constant(bias);
  if (dims.length === 2 && dims[0] !== 1) throw acrossSamples(node);
  return [
    graph.add('Add', [
      product,
      graph.doubles(
        dims,
        values.map((value) => beta * value),
      ),
    ]),
  ];
};

/** Weights of a Gemm as `[inputs, outputs]`, alpha included. */
export function gemmWeights(
  node: NodeProto,
  lowering: Pick<Lowering, 'constant'>,
): { weights: Float64Array; inputs: number; outputs: number } {
  const { dims, values } = lowering.constant(node.input[1] ?? '');
  const [rows = 1, columns = 1] = dims;
  const alpha = floatAttribute(node, 'alpha', 1);
  const scaled = alpha === 1 ? values : values.map((value) => alpha * value);
  if (intAttribute(node, 'transB', 0) !== 1) return { weights: scaled, inputs: rows, outputs: columns };
  return { weights: transpose(scaled, rows, columns), inputs: columns, outputs: rows };
}

/** `[rows, columns]` turned to `[columns, rows]`. */
export function transpose(values: Float64Array, rows: number, columns: number): Float64Array {
  const turned = new Float64Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = values[row * columns + column] as number;
  return turned;
}

/** MatMul of a live tensor and a constant, on either side. */
export const matMul: Lower = (node, lowering) => {
  const liveAt = node.input.findIndex(lowering.isLive);
  const rank = lowering.shape(node.input[liveAt] ?? '').length;
  if (liveAt === 1 && rank < 3) throw acrossSamples(node);
  const factors = node.input.map((name) =>
    lowering.isLive(name) ? lowering.tensor(name) : constantFactor(lowering, node, { name, rank }),
  );
  return [lowering.graph.add('MatMul', factors)];
};

// A matrix has no axis that could meet the samples'; a batch of matrices has.
function constantFactor(
  lowering: Lowering,
  node: NodeProto,
  { name, rank }: { name: string; rank: number },
): string {
  const { dims, values } = lowering.constant(name);
  if (dims.length <= 2) return lowering.graph.doubles(dims, values);
  return constantInput(lowering, node, { name, rank });
}

/** Conv: windows times kernels. */
export const convolved: Lower = (node, lowering) => {
  const { graph } = lowering;
  const [x = '', kernelName = '', bias = ''] = node.input;
  const kernels = lowering.constant(kernelName);
  const [outputs = 1, , ...kernel] = kernels.dims;
  const shape = lowering.shape(node.output[0] ?? '');
  const windows = windowsOf(node, { kernel, input: lowering.shape(x).slice(2), output: shape.slice(2) });
  const groups = intAttribute(node, 'group', 1);
  const job = { x, kernels, windows, groups };
  const isByPosition = groups === 1 && !readsAsIs(windows, elements(lowering.shape(x).slice(2)));
  const product = isByPosition ? productByPosition(lowering, job) : productByChannel(lowering, job);
  const image = graph.reshape(product, shape);
  if (bias === '') return [image];
  const shifts = graph.doubles([1, outputs, ...kernel.map(() => 1)], lowering.constant(bias).values);
  return [graph.add('Add', [image, shifts])];
};

interface ConvolutionJob {
  readonly x: string;
  /** `[outputs, channels of a group, ...kernel]`. */
  readonly kernels: ConstantTensor;
  readonly windows: Windows;
  readonly groups: number;
}

// Kernels from the left: nothing is turned round, which suits 1x1 kernels, and groups are a batch of products.
function productByChannel(lowering: Lowering, { x, kernels, windows, groups }: ConvolutionJob): string {
  const { graph } = lowering;
  const [outputs = 1, perGroup = 1] = kernels.dims;
  const rows = perGroup * windows.size;
  const lead = lowering.shape(x)[0] ?? 1;
  const columns = columnsOf(lowering, x, windows);
  const weights = groups === 1 ? [outputs, rows] : [groups, outputs / groups, rows];
  const matrix = groups === 1 ? [lead, rows, windows.count] : [lead, groups, rows, windows.count];
  return graph.add('MatMul', [graph.doubles(weights, kernels.values), graph.reshape(columns, matrix)]);
}

// Channels last: a window is then gathered in whole runs of channels, and all points make one large product.
function productByPosition(lowering: Lowering, { x, kernels, windows }: ConvolutionJob): string {
  const { graph } = lowering;
  const [outputs = 1, channels = 1] = kernels.dims;
  const { entries, size, count } = windows;
  const [lead = 1, , ...spatial] = lowering.shape(x);
  const area = elements(spatial);
  const flat = graph.reshape(lowering.tensor(x), [lead, channels, area]);
  let image = graph.add('Transpose', [flat], { perm: [0, 2, 1] });
  if (entries.some((entry) => entry < 0))
    image = graph.add('Pad', [image, graph.integers([6], [0, 0, 0, 0, 1, 0])], { mode: 'constant' });
  const places = Float64Array.from(entries, (entry) => (entry < 0 ? area : entry));
  const gathered = graph.add('Gather', [image, graph.integers([count, size], places)], { axis: 1 });
  const rows = graph.reshape(gathered, [lead, count, size * channels]);
  const weights = new Float64Array(kernels.values.length);
  for (let output = 0; output < outputs; output++)
    for (let channel = 0; channel < channels; channel++)
      for (let place = 0; place < size; place++)
        weights[(place * channels + channel) * outputs + output] = kernels.values[
          (output * channels + channel) * size + place
        ] as number;
  const product = graph.add('MatMul', [rows, graph.doubles([size * channels, outputs], weights)]);
  return graph.add('Transpose', [product], { perm: [0, 2, 1] });
}

/** AveragePool: sums over windows, divided by the places that count. */
export const averagePooled: Lower = (node, lowering) => {
  const { graph } = lowering;
  const [x = ''] = node.input;
  const shape = lowering.shape(node.output[0] ?? '');
  const windows = windowsOf(node, {
    kernel: kernelShape(node),
    input: lowering.shape(x).slice(2),
    output: shape.slice(2),
  });
  const [lead = 1, channels = 1] = shape;
  const columns = graph.reshape(columnsOf(lowering, x, windows), [
    lead,
    channels,
    windows.size,
    windows.count,
  ]);
  const sums = graph.add('ReduceSum', [columns, graph.integers([1], [2])], { keepdims: 0 });
  const least = intAttribute(node, 'count_include_pad', 0) === 1 ? PADDING : 0;
  const shares = new Float64Array(windows.count);
  windows.entries.forEach((entry, at) => {
    if (entry > BEYOND && entry >= least) shares[Math.floor(at / windows.size)]! += 1;
  });
  const means = graph.add('Div', [sums, graph.doubles([windows.count], shares)]);
  return [graph.reshape(means, shape)];
};

/** GlobalAveragePool, ReduceMean and ReduceSum over constant axes. */
export const reduced: Lower = (node, lowering) => {
  const { graph } = lowering;
  const [x = '', , ...more] = node.input;
  if (more.length > 0) throw unfit(node, 'has inputs that are not known');
  const rank = lowering.shape(x).length;
  const axes =
    node.opType === 'GlobalAveragePool'
      ? Array.from({ length: rank - 2 }, (_, i) => i + 2)
      : (integers(node, lowering, 1, 'axes') ?? []);
  if (axes.length === 0) {
    if (intAttribute(node, 'noop_with_empty_axes', 0) === 1) return [lowering.tensor(x)];
    throw acrossSamples(node);
  }
  const over = axes.map((axis) => sampleAxis(node, axis, rank));
  const sum = graph.add('ReduceSum', [lowering.tensor(x), graph.integers([over.length], over)], {
    keepdims: 0,
  });
  const count = elements(over.map((axis) => lowering.shape(x)[axis] ?? 1));
  const value =
    node.opType === 'ReduceSum' ? sum : graph.add('Div', [sum, graph.doubles([], Float64Array.of(count))]);
  return [graph.reshape(value, lowering.shape(node.output[0] ?? ''))];
};

/** Whether the windows are the entries themselves: a 1x1 kernel without stride or padding. */
function readsAsIs({ entries, size, count }: Windows, area: number): boolean {
  return size === 1 && count === area && entries.every((entry, i) => entry === i);
}

// [lead, channels, places, windows]
function columnsOf(lowering: Lowering, name: string, windows: Windows): string {
  const { graph } = lowering;
  const { entries, size, count } = windows;
  const [lead = 1, channels = 1, ...spatial] = lowering.shape(name);
  const area = elements(spatial);
  if (readsAsIs(windows, area)) return lowering.tensor(name);
  let image = graph.reshape(lowering.tensor(name), [lead, channels, area]);
  if (entries.some((entry) => entry < 0)) {
    const oneMore = graph.integers([6], [0, 0, 0, 0, 0, 1]);
    image = graph.add('Pad', [image, oneMore], { mode: 'constant' });
  }
  const places = new Float64Array(entries.length);
  entries.forEach((entry, at) => {
    places[(at % size) * count + Math.floor(at / size)] = entry < 0 ? area : entry;
  });
  return graph.add('Gather', [image, graph.integers([size, count], places)], { axis: 2 });
}
