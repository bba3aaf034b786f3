// An ONNX graph as plain data: what the compiler of jaxprs makes and what an executor serialises and runs.

/** Element types of compiled programs. `int64` occurs only inside (sizes, axes), `bool` is one byte of 0 or 1. */
export type ElementType = 'float32' | 'float64' | 'int32' | 'uint32' | 'int64' | 'bool';

/** Their codes in ONNX's protobuf. */
export const ONNX_TYPES = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
  uint32: 12,
} as const satisfies Readonly<Record<ElementType, number>>;

/** Types that inputs and outputs may have. */
export type TensorType = Exclude<ElementType, 'int64'>;

/** Row-major elements; `bool` is a Uint8Array. */
export type TensorData = Float32Array | Float64Array | Int32Array | Uint32Array | BigInt64Array | Uint8Array;

/** One input or output. `label` names it for people: the path of the leaf in the function's arguments. */
export interface TensorSpec {
  readonly name: string;
  readonly label: string;
  readonly type: TensorType;
  readonly dims: readonly number[];
}

/** Whole numbers are ONNX ints, except where the operator's attribute is a float (`alpha`, `beta`). */
export type OnnxAttribute = number | string | readonly number[];

export interface OnnxNode {
  readonly op: string;
  /** `com.microsoft` for operators of ONNX Runtime's own; absent for the standard ones. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxInitializer {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** A graph of fixed shapes; nodes are in an order in which they can run. */
export interface OnnxProgram {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly initializers: readonly OnnxInitializer[];
  readonly nodes: readonly OnnxNode[];
}

/** Runs programs; implemented on ONNX Runtime outside the science. */
export interface ProgramRunner {
  open(program: OnnxProgram): Promise<RunningProgram>;
}

/** A program ready to run. */
export interface RunningProgram {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /**
   * Runs once.
   * @param data - one array per input, in order, row-major.
   * @returns one array per output, in order; they are the caller's.
   * @throws PipelineError `shape-mismatch` naming an input whose length is wrong.
   */
  run(data: readonly TensorData[]): Promise<readonly TensorData[]>;
  close(): Promise<void>;
}
