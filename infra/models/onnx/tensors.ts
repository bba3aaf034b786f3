// TensorProto, attributes and nodes: reading what exporters wrote, and writing what the rewriter adds.

import { Buffer } from 'node:buffer';
import { ONNX_TYPES } from '../../../activities/numeric/onnx-program.ts';
import type { AttributeProto, NodeProto, TensorProto } from './proto.ts';
import { int } from './proto.ts';

/** Element types of onnx.proto that models have: those of compiled programs under their names there, and more. */
export const ELEMENT = {
  float: ONNX_TYPES.float32,
  uint8: 2,
  int8: 3,
  int32: ONNX_TYPES.int32,
  int64: ONNX_TYPES.int64,
  bool: ONNX_TYPES.bool,
  float16: 10,
  double: ONNX_TYPES.float64,
} as const;

const ATTRIBUTE = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 } as const;

/** Shape of a stored tensor. */
export function tensorDims(tensor: TensorProto): number[] {
  return (tensor.dims ?? []).map(int);
}

/** Number of elements of a shape. */
export function elements(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Values of a float tensor (a copy, so that it may be changed), or null for other element types. */
export function floatValues(tensor: TensorProto): Float32Array | null {
  if (tensor.dataType !== ELEMENT.float) return null;
  if ((tensor.rawData?.length ?? 0) > 0) {
    const bytes = Uint8Array.from(tensor.rawData as Uint8Array);
    return new Float32Array(bytes.buffer, 0, bytes.length >> 2);
  }
  return Float32Array.from(tensor.floatData ?? []);
}

/** Values of an int64 or int32 tensor as numbers, or null for other element types. */
export function intValues(tensor: TensorProto): number[] | null {
  const raw = tensor.rawData !== undefined && tensor.rawData.length > 0 ? Buffer.from(tensor.rawData) : null;
  if (tensor.dataType === ELEMENT.int64) {
    if (raw === null) return (tensor.int64Data ?? []).map(int);
    return Array.from({ length: raw.length / 8 }, (_, i) => Number(raw.readBigInt64LE(i * 8)));
  }
  if (tensor.dataType !== ELEMENT.int32) return null;
  if (raw === null) return tensor.int32Data ?? [];
  return Array.from({ length: raw.length / 4 }, (_, i) => raw.readInt32LE(i * 4));
}

/** Writes values back into a float tensor, whatever field they were stored in. */
export function setFloatValues(tensor: TensorProto, values: Float32Array): void {
  tensor.rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  tensor.floatData = [];
}

/** A float initializer; a scalar where `dims` is empty. */
export function floatTensor(name: string, dims: readonly number[], values: ArrayLike<number>): TensorProto {
  const rawData = new Uint8Array(Float32Array.from(values).buffer);
  return { name, dims: [...dims], dataType: ELEMENT.float, rawData };
}

/** A 1-D int64 initializer. */
export function intTensor(name: string, values: readonly number[]): TensorProto {
  const rawData = new Uint8Array(BigInt64Array.from(values.map((value) => BigInt(value))).buffer);
  return { name, dims: [values.length], dataType: ELEMENT.int64, rawData };
}

/** A tensor of bytes: int8, uint8 or bool. */
export function byteTensor(
  name: string,
  dims: readonly number[],
  values: Uint8Array,
  dataType: number,
): TensorProto {
  return { name, dims: [...dims], dataType, rawData: values };
}

/** A node; number attributes become ints where they are whole, names in `floats` excepted. */
export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Record<string, number | readonly number[] | string> = {},
  floats: readonly string[] = [],
): NodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) =>
    attributeOf(name, value, floats.includes(name)),
  );
  return { opType, input: [...input], output: [...output], name: `${output[0]}/${opType}`, attribute };
}

function attributeOf(
  name: string,
  value: number | readonly number[] | string,
  isFloat: boolean,
): AttributeProto {
  if (typeof value === 'string') return { name, type: ATTRIBUTE.string, s: Buffer.from(value) };
  if (typeof value !== 'number') return { name, type: ATTRIBUTE.ints, ints: [...value] };
  return isFloat ? { name, type: ATTRIBUTE.float, f: value } : { name, type: ATTRIBUTE.int, i: value };
}

/** Attribute of a node by name. */
export function attributeNamed(of: NodeProto, name: string): AttributeProto | undefined {
  return of.attribute.find((attribute) => attribute.name === name);
}

/** Int of an attribute, or the default. */
export function intAttribute(of: NodeProto, name: string, fallback: number): number {
  const found = attributeNamed(of, name);
  return found === undefined ? fallback : int(found.i);
}

/** Float of an attribute, or the default. */
export function floatAttribute(of: NodeProto, name: string, fallback: number): number {
  return attributeNamed(of, name)?.f ?? fallback;
}
