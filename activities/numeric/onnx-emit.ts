// From the value graph to ONNX nodes: what the outputs need, in order, with known operands as arrays of the graph.

import {
  type ElementType,
  ONNX_TYPES,
  type OnnxInitializer,
  type OnnxNode,
  type OnnxProgram,
  type TensorSpec,
  type TensorType,
} from './onnx-program.ts';
import { constantOf, isFloat, type Value, type ValueGraph } from './jaxpr-values.ts';

/** Before any element: where a slice with step -1 ends. */
const BEFORE_FIRST = -(2 ** 31);

interface Emission {
  readonly graph: ValueGraph;
  readonly uses: ReadonlyMap<Value, number>;
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxInitializer>;
}

/** A node in the making: inputs may be values or integer lists, which become arrays of the graph. */
interface NodeDraft {
  readonly op: string;
  readonly inputs: readonly (Value | readonly number[])[];
  readonly attributes?: OnnxNode['attributes'];
  /** Names of all outputs, of operators that have several. @default the value's own */
  readonly outputs?: readonly string[];
}

/** Turns values into a program that computes `outputs`; `labels` name inputs and outputs for people. */
export function emitProgram(
  graph: ValueGraph,
  ends: {
    readonly inputs: readonly Value[];
    readonly outputs: readonly Value[];
    readonly labels: { readonly inputs: readonly string[]; readonly outputs: readonly string[] };
  },
): OnnxProgram {
  const { inputs, outputs, labels } = ends;
  const uses = countUses(outputs);
  const emission: Emission = { graph, uses, nodes: [], initializers: new Map() };
  const skipped = fusedAway(uses);
  const ordered = [...uses.keys()].sort((a, b) => a.id - b.id);
  for (const value of ordered) {
    if (value.op !== 'Input' && !skipped.has(value)) emitValue(emission, value);
  }
  const specs = outputs.map((value, i) =>
    emitOutput(emission, { value, index: i, label: labels.outputs[i]! }),
  );
  return {
    inputs: inputs.map((value, i) => specOf(value, nameOf(value), labels.inputs[i]!)),
    outputs: specs,
    initializers: [...emission.initializers.values()],
    nodes: emission.nodes,
  };
}

/** How often each value that the outputs need is an operand (or an output). */
function countUses(outputs: readonly Value[]): Map<Value, number> {
  const uses = new Map<Value, number>();
  const open = [...outputs];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const before = uses.get(value) ?? 0;
    uses.set(value, before + 1);
    if (before === 0) open.push(...value.inputs);
  }
  return uses;
}

/** Values that live on only inside the one node that uses them. */
function fusedAway(uses: ReadonlyMap<Value, number>): Set<Value> {
  const pending = new Map<Value, number>();
  const note = (value: Value) => pending.set(value, (pending.get(value) ?? 0) + 1);
  for (const value of uses.keys()) {
    if (isMatrixProduct(value)) value.inputs.filter(isSwap).forEach(note);
    const inner = divisorOf(value, uses) ?? productOf(value, uses);
    if (inner !== null) note(inner);
  }
  return new Set([...pending].filter(([value, count]) => uses.get(value) === count).map(([value]) => value));
}

function isMatrixProduct(value: Value): boolean {
  return value.op === 'MatMul' && value.shape.length === 2 && isFloat(value.type);
}

function isSwap(value: Value): boolean {
  return value.op === 'Transpose' && value.shape.length === 2;
}

/** The reciprocal in a product that is its only use: the product is a division. */
function divisorOf(value: Value, uses: ReadonlyMap<Value, number>): Value | null {
  if (value.op !== 'Mul') return null;
  return value.inputs.find((input) => input.op === 'Reciprocal' && uses.get(input) === 1) ?? null;
}

/** The matrix product that a row of numbers is added to, where that is its only use: one node does both. */
function productOf(value: Value, uses: ReadonlyMap<Value, number>): Value | null {
  if (value.op !== 'Add' || !isFloat(value.type)) return null;
  const product = value.inputs.find((input) => isMatrixProduct(input) && uses.get(input) === 1);
  if (product === undefined) return null;
  const { shape } = otherThan(value, product);
  const fits =
    shape.length <= 2 &&
    shape.every((size, axis) => size === 1 || size === product.shape.at(axis - shape.length));
  return fits && product.shape.length === value.shape.length ? product : null;
}

function otherThan({ inputs }: Value, one: Value): Value {
  return inputs[0] === one ? inputs[1]! : inputs[0]!;
}

function emitValue(emission: Emission, value: Value): void {
  const { graph, initializers, nodes } = emission;
  const name = nameOf(value);
  if (value.op === 'Const') {
    initializers.set(name, {
      name,
      type: value.type,
      dims: [],
      data: scalar(constantOf(value)!, value.type),
    });
    return;
  }
  if (value.op === 'Data') {
    initializers.set(name, { name, type: value.type, dims: value.shape, data: graph.dataOf(value) });
    return;
  }
  const { op, inputs, attributes = {}, outputs = [name] } = draftOf(emission, value);
  const operands = inputs.map((input) =>
    'op' in input ? nameOf(input) : integerList(initializers, input as readonly number[]),
  );
  nodes.push({ op, inputs: operands, outputs, attributes });
}

/** The node of a value whose op is one of ours or takes params. */
function draftOf({ uses }: Emission, value: Value): NodeDraft {
  const { op, inputs, params, shape } = value;
  const list = (key: string) => params[key] as readonly number[];
  switch (op) {
    case 'Reshape':
    case 'Expand':
      return { op, inputs: [inputs[0]!, shape] };
    case 'Transpose':
      return { op, inputs, attributes: { perm: list('perm') } };
    case 'ReduceSum':
    case 'ReduceProd':
    case 'ReduceMin':
    case 'ReduceMax':
      return { op, inputs: [inputs[0]!, list('axes')], attributes: { keepdims: 0 } };
    case 'Slice':
      return { op, inputs: [inputs[0]!, list('starts'), list('ends'), list('axes')] };
    case 'Reverse': {
      const axes = list('axes');
      const [last, end, step] = [-1, BEFORE_FIRST, -1].map((number) => axes.map(() => number));
      return { op: 'Slice', inputs: [inputs[0]!, last!, end!, axes, step!] };
    }
    case 'Pad':
      return { op, inputs: [inputs[0]!, [...list('low'), ...list('high')]] };
    case 'Mod':
      return { op, inputs, attributes: { fmod: 1 } };
    case 'Cast':
      return { op, inputs, attributes: { to: ONNX_TYPES[value.type] } };
    case 'ShiftLeft':
    case 'ShiftRight':
      return { op: 'BitShift', inputs, attributes: { direction: op === 'ShiftLeft' ? 'LEFT' : 'RIGHT' } };
    case 'SortedValues':
    case 'SortedIndices':
      return {
        op: 'TopK',
        inputs: [inputs[0]!, [params.k as number]],
        attributes: { axis: -1, largest: 0, sorted: 1 },
        outputs: ['values', 'indices'].map((part) =>
          op === (part === 'values' ? 'SortedValues' : 'SortedIndices')
            ? nameOf(value)
            : `${nameOf(value)}_${part}`,
        ),
      };
    case 'MatMul':
      return isMatrixProduct(value) ? gemm(inputs) : { op, inputs };
    case 'Add': {
      const product = productOf(value, uses);
      return product === null ? { op, inputs } : gemm(product.inputs, otherThan(value, product));
    }
    case 'Mul': {
      const divisor = divisorOf(value, uses);
      return {
        op: divisor === null ? op : 'Div',
        inputs: divisor === null ? inputs : quotient(value, divisor),
      };
    }
    default:
      // Concat, Gather, ScatterND and Conv keep their attributes in params; the others have none.
      return { op, inputs, attributes: params as OnnxNode['attributes'] };
  }
}

function gemm([a, b]: readonly Value[], sum?: Value): NodeDraft {
  const swapped = [a!, b!].map(isSwap);
  const factors = [a!, b!].map((operand, i) => (swapped[i] ? operand.inputs[0]! : operand));
  return {
    op: 'Gemm',
    inputs: sum === undefined ? factors : [...factors, sum],
    attributes: { transA: Number(swapped[0]), transB: Number(swapped[1]) },
  };
}

function quotient(value: Value, divisor: Value): readonly Value[] {
  return [otherThan(value, divisor), divisor.inputs[0]!];
}

/** Outputs are nodes' own: an input or a constant, or a value wanted twice, is copied. */
function emitOutput(
  { nodes }: Emission,
  { value, index, label }: { readonly value: Value; readonly index: number; readonly label: string },
): TensorSpec {
  const name = `out${index}`;
  nodes.push({ op: 'Identity', inputs: [nameOf(value)], outputs: [name], attributes: {} });
  return specOf(value, name, label);
}

function specOf(value: Value, name: string, label: string): TensorSpec {
  return { name, label, type: value.type as TensorType, dims: value.shape };
}

function nameOf(value: Value): string {
  return value.op === 'Input' ? `in${value.params.index}` : `v${value.id}`;
}

function integerList(initializers: Map<string, OnnxInitializer>, list: readonly number[]): string {
  const name = `i${list.join('_')}`;
  const data = BigInt64Array.from(list, BigInt);
  initializers.set(name, { name, type: 'int64', dims: [list.length], data });
  return name;
}

function scalar(value: number, type: ElementType): OnnxInitializer['data'] {
  switch (type) {
    case 'float32':
      return Float32Array.of(value);
    case 'float64':
      return Float64Array.of(value);
    case 'int32':
      return Int32Array.of(value);
    case 'uint32':
      return Uint32Array.of(value);
    case 'int64':
      return BigInt64Array.of(BigInt(value));
    case 'bool':
      return Uint8Array.of(value);
  }
}
