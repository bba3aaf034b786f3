// One rule per jax-js primitive: views of the operands to views of the results.

import { PipelineError } from '#schemas/errors.ts';
import { elementwise, negate } from './jaxpr-arithmetic.ts';
import { dotView, reduceView, type ReduceOp } from './jaxpr-contractions.ts';
import {
  concatenateViews,
  flipView,
  gatherView,
  padView,
  scatterView,
  sliceView,
  sorted,
} from './jaxpr-selection.ts';
import { asin, atan, bitCount, erf, erfc } from './jaxpr-special.ts';
import { broadcastView, reshapeView, transposeView } from './jaxpr-views.ts';
import { constantOf, isFloat, type Value, type ValueGraph, type View } from './jaxpr-values.ts';
import { convView, poolTransposeView, poolView } from './jaxpr-windows.ts';
import type { ElementType } from './onnx-program.ts';

/** What an equation of a jaxpr says about its results and parameters. */
export interface Equation {
  readonly primitive: string;
  // biome-ignore lint/suspicious/noExplicitAny: jax-js types parameters per primitive, this table per rule.
  readonly params: Readonly<Record<string, any>>;
  readonly results: readonly { readonly shape: readonly number[]; readonly type: ElementType }[];
}

type Rule = (graph: ValueGraph, operands: readonly View[], equation: Equation) => readonly View[];

/** Random bits are no operator here: randomness is an input, so that a draw has an address. */
const REMEDY: Readonly<Record<string, string>> = {
  random_bits: 'Pass random numbers in as an input.',
};

/**
 * The results of one equation.
 * @throws PipelineError `config-invalid` for a primitive without a rule, naming it.
 */
export function applyRule(graph: ValueGraph, operands: readonly View[], equation: Equation): readonly View[] {
  const rule = RULES[equation.primitive];
  if (rule !== undefined) return rule(graph, operands, equation);
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'a traced function uses an operation that cannot be compiled for ONNX Runtime',
    where: `jax-js primitive ${equation.primitive}`,
    value: JSON.stringify(equation.params),
    remedy: REMEDY[equation.primitive] ?? 'Write the function without it.',
  });
}

const RULES: Readonly<Record<string, Rule>> = {
  add: logical('Add', 'Or'),
  mul: logical('Mul', 'And'),
  min: logical('Min', 'And'),
  max: logical('Max', 'Or'),
  idiv: pointwise((graph, operands, { results }) => {
    const { type } = results[0]!;
    const typed = operands.map((operand) => cast(graph, operand, type));
    const quotient = elementwise(graph, 'Div', typed, type);
    return isFloat(type) ? truncate(graph, quotient) : quotient;
  }),
  mod: operator('Mod'),
  neg: pointwise((graph, [x]) => negate(graph, x!)),
  reciprocal: operator('Reciprocal'),
  floor: operator('Floor'),
  ceil: operator('Ceil'),
  exp: operator('Exp'),
  log: operator('Log'),
  sqrt: operator('Sqrt'),
  sin: operator('Sin'),
  cos: operator('Cos'),
  asin: pointwise((graph, [x]) => asin(graph, x!)),
  atan: pointwise((graph, [x]) => atan(graph, x!)),
  erf: pointwise((graph, [x]) => erf(graph, x!)),
  erfc: pointwise((graph, [x]) => erfc(graph, x!)),
  stop_gradient: (_, operands) => operands,
  cast: pointwise((graph, [x], { params }) => cast(graph, x!, params.dtype)),
  bitcast: pointwise(bitcast),
  bit_combine: pointwise(bitCombine),
  bit_shift: pointwise(bitShift),
  bit_count: pointwise((graph, [x]) => cast(graph, bitCount(graph, cast(graph, x!, 'uint32')), 'int32')),
  compare: pointwise(compare),
  where: pointwise(where),
  reduce,
  dot: (graph, [a, b]) => [dotView(graph, a!, b!)],
  reshape: (graph, [x], { params }) => [reshapeView(graph, x!, params.shape)],
  transpose: (graph, [x], { params }) => [transposeView(graph, x!, params.perm)],
  broadcast: (graph, [x], { params }) => [
    broadcastView(graph, x!, { shape: params.shape, axes: params.axis }),
  ],
  shrink: (graph, [x], { params }) => [sliceView(graph, x!, params.slice)],
  pad: (graph, [x], { params }) => [padView(graph, x!, params.width)],
  flip: (graph, [x], { params }) => [flipView(graph, x!, params.axis)],
  concatenate: (graph, parts, { params }) => [concatenateViews(graph, parts, params.axis)],
  split,
  gather: (graph, operands, { params, results }) => [
    {
      value: gatherView(graph, operands, { axis: params.axis, outDim: params.outDim }),
      shape: results[0]!.shape,
    },
  ],
  scatter: (graph, operands, { params, results }) => [
    {
      value: scatterView(graph, operands, {
        axis: params.axis,
        outDim: params.outDim,
        shape: results[0]!.shape,
        op: params.op,
      }),
      shape: results[0]!.shape,
    },
  ],
  sort: (graph, [x]) => [{ value: sorted(graph, x!).values, shape: x!.shape }],
  argsort: (graph, [x]) => {
    const { values, indices } = sorted(graph, x!);
    return [values, indices].map((value) => ({ value, shape: x!.shape }));
  },
  conv: (graph, [x, filter], { params }) => [
    convView(graph, x!, { filter: filter!, params: params as never }),
  ],
  pool: (graph, [x], { params }) => [poolView(graph, x!, { window: params.window, strides: params.strides })],
  pool_transpose: (graph, [x], { params }) => [
    poolTransposeView(graph, x!, { inShape: params.inShape, window: params.window, strides: params.strides }),
  ],
};

type PointwiseRule = (graph: ValueGraph, operands: readonly Value[], equation: Equation) => Value;

/** Weakly typed numbers take the type of what they meet. */
const PROMOTION: readonly ElementType[] = ['bool', 'int32', 'uint32', 'int64', 'float32', 'float64'];

function unified(graph: ValueGraph, operands: readonly Value[]): readonly Value[] {
  const type = PROMOTION.findLast((one) => operands.some((operand) => operand.type === one))!;
  return operands.map((operand) => cast(graph, operand, type));
}

/** A rule on elements: shapes broadcast by themselves. */
function pointwise(rule: PointwiseRule): Rule {
  return (graph, operands, equation) => {
    const value = rule(
      graph,
      operands.map((operand) => operand.value),
      equation,
    );
    return [{ value, shape: equation.results[0]!.shape }];
  };
}

function operator(op: string): Rule {
  return pointwise((graph, operands, { results }) => {
    const { type } = results[0]!;
    const typed = operands.map((operand) => cast(graph, operand, type));
    return elementwise(graph, op, typed, type);
  });
}

/** Arithmetic on numbers, logic on bools. */
function logical(op: string, onBools: string): Rule {
  return pointwise((graph, operands, { results }) => {
    const { type } = results[0]!;
    const typed = operands.map((operand) => cast(graph, operand, type));
    return elementwise(graph, type === 'bool' ? onBools : op, typed, type);
  });
}

function truncate(graph: ValueGraph, x: Value): Value {
  const negative = elementwise(graph, 'Less', [x, graph.constant(0, x.type)], 'bool');
  const [up, down] = ['Ceil', 'Floor'].map((op) => elementwise(graph, op, [x], x.type));
  return elementwise(graph, 'Where', [negative, up!, down!], x.type);
}

function cast(graph: ValueGraph, x: Value, type: ElementType): Value {
  if (x.type === type) return x;
  const number = constantOf(x);
  if (number !== null && (isFloat(type) || Number.isInteger(number)) && type !== 'bool') {
    return graph.constant(number, type);
  }
  if (x.op === 'Where' && isFloat(type) && x.inputs.slice(1).every((branch) => constantOf(branch) !== null)) {
    const branches = x.inputs.slice(1).map((branch) => cast(graph, branch, type));
    return elementwise(graph, 'Where', [x.inputs[0]!, ...branches], type);
  }
  return elementwise(graph, 'Cast', [x], type);
}

/** Between signed and unsigned words, where a cast keeps the bits; ONNX Runtime has none between others. */
function bitcast(graph: ValueGraph, [x]: readonly Value[], { primitive, params }: Equation): Value {
  const words: readonly ElementType[] = ['int32', 'uint32'];
  if (words.includes(x!.type) && words.includes(params.dtype)) return cast(graph, x!, params.dtype);
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'a traced function reads the bits of floats, which cannot be compiled for ONNX Runtime',
    where: `jax-js primitive ${primitive}`,
    value: `${x!.type} to ${params.dtype}`,
    remedy: 'Pass random numbers in as an input; take signs and exponents by arithmetic.',
  });
}

function bitCombine(graph: ValueGraph, operands: readonly Value[], { params, results }: Equation): Value {
  const { type } = results[0]!;
  const name = { and: 'And', or: 'Or', xor: 'Xor' }[params.op as 'and' | 'or' | 'xor'];
  return elementwise(graph, type === 'bool' ? name : `Bitwise${name}`, operands, type);
}

/** Words shift without a sign, as in jax-js. */
function bitShift(graph: ValueGraph, operands: readonly Value[], { params, results }: Equation): Value {
  const words = operands.map((operand) => cast(graph, operand, 'uint32'));
  const shifted = elementwise(graph, params.op === 'shl' ? 'ShiftLeft' : 'ShiftRight', words, 'uint32');
  return cast(graph, shifted, results[0]!.type);
}

function compare(graph: ValueGraph, operands: readonly Value[], { params }: Equation): Value {
  const equal = params.op === 'equal' || params.op === 'not_equal';
  const numbers = unified(graph, operands);
  if (equal) {
    const same = elementwise(graph, 'Equal', numbers, 'bool');
    return params.op === 'equal' ? same : elementwise(graph, 'Not', [same], 'bool');
  }
  return elementwise(graph, params.op === 'less' ? 'Less' : 'LessOrEqual', numbers, 'bool');
}

/** ONNX Runtime selects neither bools nor unsigned words: those go through wider integers. */
function where(graph: ValueGraph, [condition, yes, no]: readonly Value[], { results }: Equation): Value {
  const { type } = results[0]!;
  const through = type === 'bool' ? 'int32' : type === 'uint32' ? 'int64' : type;
  const branches = [cast(graph, yes!, through), cast(graph, no!, through)];
  return cast(graph, elementwise(graph, 'Where', [condition!, ...branches], through), type);
}

function reduce(graph: ValueGraph, [x]: readonly View[], { params, results }: Equation): readonly View[] {
  const { type } = results[0]!;
  const onBools: Record<string, ReduceOp> = { Add: 'Max', Mul: 'Min' };
  const op: ReduceOp = type === 'bool' ? (onBools[params.op] ?? params.op) : params.op;
  const through = type === 'uint32' ? 'int64' : type;
  const source = { value: cast(graph, x!.value, through), shape: x!.shape };
  const { value, shape } = reduceView(graph, source, { op, axes: params.axis });
  return [{ value: cast(graph, value, type), shape }];
}

function split(graph: ValueGraph, [x]: readonly View[], { params }: Equation): readonly View[] {
  let start = 0;
  return (params.sizes as number[]).map((size) => {
    const ranges = x!.shape.map((whole, axis) => (axis === params.axis ? [start, start + size] : [0, whole]));
    start += size;
    return sliceView(graph, x!, ranges);
  });
}
