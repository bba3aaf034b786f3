// ONNX graphs in plain float64 loops, one operator after the other: slow, and written from the operators' definitions
// alone. Knows the operators that piecewise-linear networks are made of.

import { type GraphProto, int, type NodeProto } from '../../infra/models/onnx/proto.ts';
import { attributeNamed, floatValues, intValues, tensorDims } from '../../infra/models/onnx/tensors.ts';

export interface Values {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/** Every tensor of the graph for one batch of its only input. */
export function evaluateFloat64(graph: GraphProto, input: Values): Map<string, Values> {
  const tensors = new Map<string, Values>();
  for (const tensor of graph.initializer)
    tensors.set(tensor.name ?? '', {
      dims: tensorDims(tensor),
      data: Float64Array.from(floatValues(tensor) ?? intValues(tensor) ?? []),
    });
  const constants = new Set(tensors.keys());
  const given = graph.input.find(({ name }) => !constants.has(name));
  tensors.set(given!.name, input);
  for (const node of graph.node) {
    const operands = node.input.map((name) => tensors.get(name));
    const results = evaluateNode(node, operands as Values[]);
    node.output.forEach((name, i) => {
      if (results[i] !== undefined) tensors.set(name, results[i]);
    });
  }
  return tensors;
}

function evaluateNode(node: NodeProto, operands: Values[]): Values[] {
  const [x, y, z] = operands as [Values, Values, Values];
  switch (node.opType) {
    case 'Relu':
      return [map(x, (v) => (v > 0 ? v : 0))];
    case 'LeakyRelu': {
      const alpha = float(node, 'alpha', 0.01);
      return [map(x, (v) => (v > 0 ? v : alpha * v))];
    }
    case 'PRelu':
      return [broadcast(x, y, (v, slope) => (v > 0 ? v : slope * v))];
    case 'Clip':
      return [map(x, (v) => Math.min(Math.max(v, y.data[0]!), z?.data[0] ?? Infinity))];
    case 'Max':
      return [broadcast(x, y, Math.max)];
    case 'Add':
    case 'Sum':
      return [operands.reduce((a, b) => broadcast(a, b, (v, w) => v + w))];
    case 'Mean':
      return [
        map(
          operands.reduce((a, b) => broadcast(a, b, (v, w) => v + w)),
          (v) => v / operands.length,
        ),
      ];
    case 'Sub':
      return [broadcast(x, y, (v, w) => v - w)];
    case 'Mul':
      return [broadcast(x, y, (v, w) => v * w)];
    case 'Div':
      return [broadcast(x, y, (v, w) => v / w)];
    case 'Neg':
      return [map(x, (v) => -v)];
    case 'Identity':
    case 'Dropout':
      return [x];
    case 'Softmax':
      return [softmax(x)];
    case 'Gemm':
      return [gemm(node, x, y, z)];
    case 'MatMul':
      return [matMul(x, y)];
    case 'Conv':
      return [conv(node, x, y, z)];
    case 'BatchNormalization':
      return [batchNormalization(node, operands)];
    case 'MaxPool':
    case 'AveragePool':
      return [pool(node, x)];
    case 'GlobalAveragePool':
    case 'GlobalMaxPool':
      return [globalPool(node, x)];
    case 'ReduceMean':
    case 'ReduceSum':
      return [reduce(node, x, y)];
    default:
      return layout(node, operands);
  }
}

function layout(node: NodeProto, operands: Values[]): Values[] {
  const [x, y] = operands as [Values, Values];
  switch (node.opType) {
    case 'Flatten':
      return [{ dims: [x.dims[0]!, x.data.length / x.dims[0]!], data: x.data }];
    case 'Reshape': {
      const asked = [...y.data].map((size, axis) => (size === 0 ? x.dims[axis]! : size));
      const known = asked.filter((size) => size > 0).reduce((a, b) => a * b, 1);
      return [{ dims: asked.map((size) => (size < 0 ? x.data.length / known : size)), data: x.data }];
    }
    case 'Unsqueeze': {
      const dims = [...x.dims];
      for (const axis of y.data) dims.splice(axis, 0, 1);
      return [{ dims, data: x.data }];
    }
    case 'Squeeze':
      return [{ dims: x.dims.filter((_, axis) => !y.data.includes(axis)), data: x.data }];
    case 'Transpose': {
      const perm = ints(node, 'perm')!;
      return [
        gatherBy(
          x,
          perm.map((axis) => x.dims[axis]!),
          (at) => unpermuted(at, perm),
        ),
      ];
    }
    case 'Concat':
      return [concat(operands, int(attributeNamed(node, 'axis')?.i))];
    case 'Split': {
      const axis = int(attributeNamed(node, 'axis')?.i);
      let start = 0;
      return [...y.data].map((size) => {
        const from = start;
        start += size;
        return gatherBy(x, replaced(x.dims, axis, size), (at) => replaced(at, axis, at[axis]! + from));
      });
    }
    case 'Slice':
      return [slice(operands)];
    case 'Gather': {
      const axis = int(attributeNamed(node, 'axis')?.i);
      return [
        gatherBy(x, replaced(x.dims, axis, y.data.length), (at) => replaced(at, axis, y.data[at[axis]!]!)),
      ];
    }
    case 'Pad': {
      const rank = x.dims.length;
      const dims = x.dims.map((size, axis) => size + y.data[axis]! + y.data[rank + axis]!);
      const fill = operands[2]?.data[0] ?? 0;
      return [gatherBy(x, dims, (at) => at.map((place, axis) => place - y.data[axis]!), fill)];
    }
    default:
      throw new Error(`no float64 form of ${node.opType}`);
  }
}

function slice([x, starts, ends, axes, steps]: Values[]): Values {
  const dims = [...x!.dims];
  const from = dims.map(() => 0);
  const step = dims.map(() => 1);
  axes!.data.forEach((given, i) => {
    const axis = given < 0 ? given + dims.length : given;
    const size = dims[axis]!;
    const place = (value: number) => Math.min(size, value < 0 ? value + size : value);
    step[axis] = steps?.data[i] ?? 1;
    from[axis] = place(starts!.data[i]!);
    dims[axis] = Math.ceil((place(ends!.data[i]!) - from[axis]!) / step[axis]!);
  });
  return gatherBy(x!, dims, (at) => at.map((value, axis) => from[axis]! + value * step[axis]!));
}

/** A tensor of shape `dims` whose entry at `at` is that of `x` at `source(at)`, or `fill` where that is outside. */
function gatherBy(x: Values, dims: number[], source: (at: number[]) => number[], fill = 0): Values {
  const data = new Float64Array(dims.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    const from = source(coordinates(i, dims));
    const isInside = from.every((value, axis) => value >= 0 && value < x.dims[axis]!);
    data[i] = isInside ? x.data[flat(from, x.dims)]! : fill;
  }
  return { dims, data };
}

function coordinates(index: number, dims: readonly number[]): number[] {
  const at = new Array<number>(dims.length);
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    at[axis] = index % dims[axis]!;
    index = Math.floor(index / dims[axis]!);
  }
  return at;
}

function flat(at: readonly number[], dims: readonly number[]): number {
  return at.reduce((index, value, axis) => index * dims[axis]! + value, 0);
}

function replaced(list: readonly number[], at: number, value: number): number[] {
  return list.map((old, i) => (i === at ? value : old));
}

function unpermuted(at: readonly number[], perm: readonly number[]): number[] {
  const from = new Array<number>(at.length);
  perm.forEach((axis, i) => {
    from[axis] = at[i]!;
  });
  return from;
}

function map(x: Values, f: (value: number) => number): Values {
  return { dims: x.dims, data: x.data.map((value) => f(value)) };
}

function broadcast(a: Values, b: Values, f: (x: number, y: number) => number): Values {
  const rank = Math.max(a.dims.length, b.dims.length);
  const full = ({ dims }: Values) => [...new Array<number>(rank - dims.length).fill(1), ...dims];
  const [left, right] = [full(a), full(b)];
  const dims = left.map((size, axis) => Math.max(size, right[axis]!));
  const data = new Float64Array(dims.reduce((x, y) => x * y, 1));
  for (let i = 0; i < data.length; i++) {
    const at = coordinates(i, dims);
    const place = (of: number[]) =>
      flat(
        at.map((value, axis) => (of[axis] === 1 ? 0 : value)),
        of,
      );
    data[i] = f(a.data[place(left)]!, b.data[place(right)]!);
  }
  return { dims, data };
}

function softmax(x: Values): Values {
  const width = x.dims.at(-1)!;
  const data = x.data.map((value, i) => {
    const row = x.data.subarray(i - (i % width), i - (i % width) + width);
    const most = Math.max(...row);
    return Math.exp(value - most) / row.reduce((sum, other) => sum + Math.exp(other - most), 0);
  });
  return { dims: x.dims, data };
}

function gemm(node: NodeProto, x: Values, w: Values, c: Values | undefined): Values {
  const turned = int(attributeNamed(node, 'transB')?.i) === 1;
  const [rows, inner] = [x.dims[0]!, x.dims[1]!];
  const outputs = turned ? w.dims[0]! : w.dims[1]!;
  const data = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++)
    for (let out = 0; out < outputs; out++) {
      let sum = 0;
      for (let k = 0; k < inner; k++)
        sum += x.data[row * inner + k]! * w.data[turned ? out * inner + k : k * outputs + out]!;
      data[row * outputs + out] = float(node, 'alpha', 1) * sum;
    }
  const product = { dims: [rows, outputs], data };
  const beta = float(node, 'beta', 1);
  return c === undefined ? product : broadcast(product, c, (value, shift) => value + beta * shift);
}

function matMul(a: Values, b: Values): Values {
  const [rows, inner, columns] = [a.dims.at(-2)!, a.dims.at(-1)!, b.dims.at(-1)!];
  const [aLead, bLead] = [a.dims.slice(0, -2), b.dims.slice(0, -2)];
  const lead = aLead.length >= bLead.length ? aLead : bLead;
  const dims = [...lead, rows, columns];
  const data = new Float64Array(dims.reduce((x, y) => x * y, 1));
  for (let i = 0; i < data.length; i++) {
    const at = coordinates(i, dims);
    const matrix = (of: number[]) => {
      const own = at.slice(lead.length - of.length, lead.length);
      return flat(
        own.map((value, axis) => (of[axis] === 1 ? 0 : value)),
        of,
      );
    };
    const row = (matrix(aLead) * rows + at.at(-2)!) * inner;
    const column = matrix(bLead) * inner * columns + at.at(-1)!;
    for (let k = 0; k < inner; k++) data[i]! += a.data[row + k]! * b.data[column + k * columns]!;
  }
  return { dims, data };
}

interface Sliding {
  readonly kernel: number[];
  readonly strides: number[];
  readonly dilations: number[];
  readonly begins: number[];
  readonly ends: number[];
  readonly output: number[];
}

function sliding(node: NodeProto, kernel: number[], input: readonly number[]): Sliding {
  const strides = ints(node, 'strides') ?? kernel.map(() => 1);
  const dilations = ints(node, 'dilations') ?? kernel.map(() => 1);
  const auto = Buffer.from(attributeNamed(node, 'auto_pad')?.s ?? []).toString();
  const reach = kernel.map((size, axis) => (size - 1) * dilations[axis]! + 1);
  if (auto.startsWith('SAME')) {
    const output = input.map((size, axis) => Math.ceil(size / strides[axis]!));
    const missing = output.map((size, axis) =>
      Math.max(0, (size - 1) * strides[axis]! + reach[axis]! - input[axis]!),
    );
    const small = missing.map((value) => value >> 1);
    const large = missing.map((value) => value - (value >> 1));
    const [begins, ends] = auto === 'SAME_UPPER' ? [small, large] : [large, small];
    return { kernel, strides, dilations, begins: begins!, ends: ends!, output };
  }
  const pads = ints(node, 'pads') ?? [...kernel, ...kernel].map(() => 0);
  const begins = pads.slice(0, kernel.length);
  const ends = pads.slice(kernel.length);
  const round = int(attributeNamed(node, 'ceil_mode')?.i) === 1 ? Math.ceil : Math.floor;
  const output = input.map((size, axis) => {
    const steps = round((size + begins[axis]! + ends[axis]! - reach[axis]!) / strides[axis]!);
    // A last window that starts in the padding behind the image is dropped.
    const isBeyond = steps * strides[axis]! >= size + begins[axis]!;
    return steps + (isBeyond ? 0 : 1);
  });
  return { kernel, strides, dilations, begins, ends, output };
}

/** Places of the window at `at`: position in the image, flat or -1, and whether it lies within the padded image. */
function places(slide: Sliding, at: readonly number[], input: readonly number[]) {
  const count = slide.kernel.reduce((a, b) => a * b, 1);
  return Array.from({ length: count }, (_, i) => {
    const inKernel = coordinates(i, slide.kernel);
    const x = inKernel.map(
      (value, axis) =>
        at[axis]! * slide.strides[axis]! + value * slide.dilations[axis]! - slide.begins[axis]!,
    );
    const isInside = x.every((value, axis) => value >= 0 && value < input[axis]!);
    const isPadded = x.every(
      (value, axis) => value >= -slide.begins[axis]! && value < input[axis]! + slide.ends[axis]!,
    );
    return { kernel: i, image: isInside ? flat(x, input) : -1, isPadded };
  });
}

function conv(node: NodeProto, x: Values, w: Values, bias: Values | undefined): Values {
  const [samples, channels] = [x.dims[0]!, x.dims[1]!];
  const [outputs, perGroup] = [w.dims[0]!, w.dims[1]!];
  const input = x.dims.slice(2);
  const slide = sliding(node, w.dims.slice(2), input);
  const groups = channels / perGroup;
  const area = input.reduce((a, b) => a * b, 1);
  const size = slide.kernel.reduce((a, b) => a * b, 1);
  const dims = [samples, outputs, ...slide.output];
  const data = new Float64Array(dims.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    const [sample, output, ...at] = coordinates(i, dims) as [number, number, ...number[]];
    const group = Math.floor(output / (outputs / groups));
    let sum = bias?.data[output] ?? 0;
    for (const { kernel, image } of places(slide, at, input)) {
      if (image < 0) continue;
      for (let c = 0; c < perGroup; c++)
        sum +=
          w.data[(output * perGroup + c) * size + kernel]! *
          x.data[(sample * channels + group * perGroup + c) * area + image]!;
    }
    data[i] = sum;
  }
  return { dims, data };
}

function pool(node: NodeProto, x: Values): Values {
  const input = x.dims.slice(2);
  const slide = sliding(node, ints(node, 'kernel_shape')!, input);
  const area = input.reduce((a, b) => a * b, 1);
  const dims = [x.dims[0]!, x.dims[1]!, ...slide.output];
  const countsPadding = int(attributeNamed(node, 'count_include_pad')?.i) === 1;
  const data = new Float64Array(dims.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    const [sample, channel, ...at] = coordinates(i, dims) as [number, number, ...number[]];
    const plane = (sample * dims[1]! + channel) * area;
    const window = places(slide, at, input);
    const values = window.filter(({ image }) => image >= 0).map(({ image }) => x.data[plane + image]!);
    const count = countsPadding ? window.filter(({ isPadded }) => isPadded).length : values.length;
    data[i] = node.opType === 'MaxPool' ? Math.max(...values) : values.reduce((a, b) => a + b, 0) / count;
  }
  return { dims, data };
}

function globalPool(node: NodeProto, x: Values): Values {
  const planes = x.dims[0]! * x.dims[1]!;
  const area = x.data.length / planes;
  const data = Float64Array.from({ length: planes }, (_, i) => {
    const plane = x.data.subarray(i * area, (i + 1) * area);
    return node.opType === 'GlobalMaxPool' ? Math.max(...plane) : plane.reduce((a, b) => a + b, 0) / area;
  });
  return { dims: [x.dims[0]!, x.dims[1]!, ...x.dims.slice(2).map(() => 1)], data };
}

function reduce(node: NodeProto, x: Values, given: Values | undefined): Values {
  const axes = (given === undefined ? ints(node, 'axes')! : [...given.data]).map((axis) =>
    axis < 0 ? axis + x.dims.length : axis,
  );
  const kept = x.dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const data = new Float64Array(kept.reduce((a, b) => a * b, 1));
  x.data.forEach((value, i) => {
    data[
      flat(
        coordinates(i, x.dims).map((at, axis) => (axes.includes(axis) ? 0 : at)),
        kept,
      )
    ]! += value;
  });
  const keepsAxes = int(attributeNamed(node, 'keepdims')?.i ?? 1) === 1;
  const dims = keepsAxes ? kept : kept.filter((_, axis) => !axes.includes(axis));
  const share = node.opType === 'ReduceMean' ? x.data.length / data.length : 1;
  return { dims, data: data.map((value) => value / share) };
}

function concat(operands: Values[], axis: number): Values {
  const sizes = operands.map(({ dims }) => dims[axis]!);
  const dims = replaced(
    operands[0]!.dims,
    axis,
    sizes.reduce((a, b) => a + b, 0),
  );
  const data = new Float64Array(dims.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    const at = coordinates(i, dims);
    let part = 0;
    let place = at[axis]!;
    while (place >= sizes[part]!) place -= sizes[part++]!;
    data[i] = operands[part]!.data[flat(replaced(at, axis, place), operands[part]!.dims)]!;
  }
  return { dims, data };
}

function batchNormalization(node: NodeProto, [x, gain, shift, mean, variance]: Values[]): Values {
  const channels = x!.dims[1]!;
  const area = x!.data.length / x!.dims[0]! / channels;
  const epsilon = float(node, 'epsilon', 1e-5);
  const data = x!.data.map((value, i) => {
    const c = Math.floor(i / area) % channels;
    const scaled = (value - mean!.data[c]!) / Math.sqrt(variance!.data[c]! + epsilon);
    return scaled * gain!.data[c]! + shift!.data[c]!;
  });
  return { dims: x!.dims, data };
}

function float(node: NodeProto, name: string, fallback: number): number {
  return attributeNamed(node, name)?.f ?? fallback;
}

function ints(node: NodeProto, name: string): number[] | undefined {
  return attributeNamed(node, name)?.ints?.map(int);
}
