// The graph between jaxpr and ONNX: values that are hash-consed, so equal expressions are one value, and views, which
// remember the shape the jaxpr means while the value itself stays unexpanded.

import type { ElementType, TensorData } from './onnx-program.ts';

/** Shapes, axes and scalars that belong to an operator. */
export type Params = Readonly<Record<string, number | string | readonly number[]>>;

/**
 * One tensor. `op` is an ONNX operator, or `Input`, `Const` (a scalar, `params.value`), `Data` (an array of the graph).
 * Operands that ONNX wants as tensors but that are known (axes, sizes) are params here.
 */
export interface Value {
  /** Operands have smaller ids, so id order is an order of execution. */
  readonly id: number;
  readonly op: string;
  readonly inputs: readonly Value[];
  readonly params: Params;
  readonly shape: readonly number[];
  readonly type: ElementType;
}

/** `value` broadcast (numpy's rule) to `shape`: dimensions of size 1, or missing ones on the left, stand for all. */
export interface View {
  readonly value: Value;
  readonly shape: readonly number[];
}

/** A shorter value equal to the given one, or null: the patterns that `elementwise` tries on what it makes. */
export type Recognise = (graph: ValueGraph, value: Value) => Value | null;

/** Elements of arrays that are compared with those before them. */
const SMALL = 4096;

/** Makes values; the same operator on the same operands gives the same value. */
export class ValueGraph {
  readonly #recognise: Recognise;
  readonly #known = new Map<string, Value>();
  readonly #data: TensorData[] = [];
  #next = 0;
  #recognising = false;

  constructor(recognise: Recognise = () => null) {
    this.#recognise = recognise;
  }

  /** Not within itself: a pattern is rebuilt to be compared, and what it is rebuilt of is no news. */
  recognise(value: Value): Value | null {
    if (this.#recognising) return null;
    this.#recognising = true;
    try {
      return this.#recognise(this, value);
    } finally {
      this.#recognising = false;
    }
  }

  make(
    op: string,
    inputs: readonly Value[],
    { shape, type, params = {} }: { shape: readonly number[]; type: ElementType; params?: Params },
  ): Value {
    const key = `${op}|${inputs.map(({ id }) => id).join()}|${JSON.stringify(params)}|${type}|${shape.join()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const value: Value = { id: this.#next++, op, inputs, params, shape, type };
    this.#known.set(key, value);
    return value;
  }

  input(index: number, shape: readonly number[], type: ElementType): Value {
    return this.make('Input', [], { shape, type, params: { index } });
  }

  /** A scalar. JSON has no NaN, infinities or -0, so the key is text. */
  constant(value: number, type: ElementType): Value {
    const number = type === 'float32' ? Math.fround(value) : value;
    const text = Object.is(number, -0) ? '-0' : String(number);
    return this.make('Const', [], { shape: [], type, params: { value: text } });
  }

  /** An array known at compile time. Equal elements become a scalar, which broadcasts. */
  array(data: TensorData, shape: readonly number[], type: ElementType): Value {
    const first = data[0];
    if (first !== undefined && data.every((element) => Object.is(element, first))) {
      return this.constant(Number(first), type);
    }
    return this.make('Data', [], { shape, type, params: { data: this.#placeOf(data) } });
  }

  /** Equal small arrays, such as masks, are one. */
  #placeOf(data: TensorData): number {
    const same = (one: TensorData) =>
      one.constructor === data.constructor &&
      one.length === data.length &&
      one.every((element, i) => Object.is(element, data[i]));
    const known = data.length > SMALL ? -1 : this.#data.findIndex(same);
    return known === -1 ? this.#data.push(data) - 1 : known;
  }

  dataOf(value: Value): TensorData {
    return this.#data[value.params.data as number]!;
  }
}

/** The number of a `Const`, else null. */
export function constantOf(value: Value): number | null {
  return value.op === 'Const' ? Number(value.params.value) : null;
}

export function isFloat(type: ElementType): boolean {
  return type === 'float32' || type === 'float64';
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

/** `shape` with ones on the left up to `rank`. */
export function padShape(shape: readonly number[], rank: number): number[] {
  return [...Array<number>(Math.max(0, rank - shape.length)).fill(1), ...shape];
}

/** numpy's broadcast of shapes that are known to fit. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map(({ length }) => length));
  const padded = shapes.map((shape) => padShape(shape, rank));
  return Array.from({ length: rank }, (_, i) => padded.find((shape) => shape[i] !== 1)?.[i] ?? 1);
}
