// Sliding windows of convolutions and pools: which entry of the input each place of each window reads.

import { Buffer } from 'node:buffer';
import { PipelineError } from '#schemas/errors.ts';
import { int, type NodeProto } from '../proto.ts';
import { attributeNamed, elements } from '../tensors.ts';

/** A place of a window in the padding, and one beyond even that (where `ceil_mode` lets windows reach out). */
export const PADDING = -1;
export const BEYOND = -2;

/** Windows over the spatial axes of one channel. */
export interface Windows {
  readonly kernel: readonly number[];
  /** Places of one window. */
  readonly size: number;
  /** Windows of one channel. */
  readonly count: number;
  /** `[count, size]` flat spatial index, {@link PADDING} or {@link BEYOND}. */
  readonly entries: Int32Array;
}

/** Lengths of one spatial axis. */
interface Axis {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
  readonly end: number;
}

/**
 * Windows of a Conv, MaxPool or AveragePool node.
 * @param shape - spatial sizes of input and output; the output's decide how many windows there are.
 */
export function windowsOf(
  node: NodeProto,
  {
    kernel,
    input,
    output,
  }: { kernel: readonly number[]; input: readonly number[]; output: readonly number[] },
): Windows {
  const axes = input.map((size, axis) =>
    axisOf(node, { axis, kernel, input: size, output: output[axis] ?? 1 }),
  );
  const [size, count] = [elements(kernel), elements(output)];
  const entries = new Int32Array(count * size);
  for (let window = 0; window < count; window++)
    for (let place = 0; place < size; place++) entries[window * size + place] = entryOf(axes, window, place);
  return { kernel, size, count, entries };
}

/** Kernel sizes of a pool. */
export function kernelShape(node: NodeProto): number[] {
  const ints = attributeNamed(node, 'kernel_shape')?.ints;
  if (ints !== undefined) return ints.map(int);
  throw new PipelineError({
    kind: 'model-invalid',
    what: `${node.opType} states no kernel_shape`,
    where: node.output[0] ?? '',
    remedy: 'Check the model with onnx.checker.',
  });
}

function axisOf(
  node: NodeProto,
  { axis, kernel, input, output }: { axis: number; kernel: readonly number[]; input: number; output: number },
): Axis {
  const ints = (name: string, at: number) => {
    const list = attributeNamed(node, name)?.ints;
    return list === undefined || list.length === 0 ? undefined : int(list[at]);
  };
  const stride = ints('strides', axis) ?? 1;
  const dilation = ints('dilations', axis) ?? 1;
  const size = kernel[axis] ?? 1;
  const automatic = Buffer.from(attributeNamed(node, 'auto_pad')?.s ?? []).toString();
  const missing = Math.max(0, (output - 1) * stride + (size - 1) * dilation + 1 - input);
  const half = automatic === 'SAME_LOWER' ? Math.ceil(missing / 2) : Math.floor(missing / 2);
  const same = automatic.startsWith('SAME');
  const begin = same ? half : (ints('pads', axis) ?? 0);
  const end = same ? missing - half : (ints('pads', axis + kernel.length) ?? 0);
  return { input, output, kernel: size, stride, dilation, begin, end };
}

function entryOf(axes: readonly Axis[], window: number, place: number): number {
  let [index, step, kind] = [0, 1, 0];
  for (let at = axes.length - 1; at >= 0; at--) {
    const axis = axes[at] as Axis;
    const x = (window % axis.output) * axis.stride - axis.begin + (place % axis.kernel) * axis.dilation;
    window = Math.floor(window / axis.output);
    place = Math.floor(place / axis.kernel);
    if (x < -axis.begin || x >= axis.input + axis.end) kind = BEYOND;
    else if (x < 0 || x >= axis.input) kind = Math.min(kind, PADDING);
    index += x * step;
    step *= axis.input;
  }
  return kind === 0 ? index : kind;
}
