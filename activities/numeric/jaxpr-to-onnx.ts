// From a function written with jax-js to an ONNX program: jax-js traces (and differentiates) it once, this compiles
// what it traced, ONNX Runtime executes it. Shapes are fixed; every number that changes between calls is an input.

import './float16-array.ts';
import { makeJaxpr, numpy as np, type Array as JaxArray, type ClosedJaxpr } from '@jax-js/jax';
import { PipelineError } from '#schemas/errors.ts';
import { recognise } from './jaxpr-patterns.ts';
import { applyRule } from './jaxpr-rules.ts';
import { ValueGraph, type Value, type View } from './jaxpr-values.ts';
import { materialise } from './jaxpr-views.ts';
import { emitProgram } from './onnx-emit.ts';
import type { ElementType, OnnxProgram, TensorData, TensorType } from './onnx-program.ts';

/** An argument of a traced function. */
export interface ArgumentSpec {
  readonly name: string;
  readonly type: TensorType;
  readonly dims: readonly number[];
}

export type NamedArrays = Readonly<Record<string, JaxArray>>;

type Jaxpr = ClosedJaxpr['jaxpr'];
type Atom = Jaxpr['outs'][number];
type Var = Jaxpr['inBinders'][number];

/**
 * Traces and compiles a pure function of named arrays. Inputs and outputs of the program carry the names as labels,
 * in the order of `args` and of the returned object's keys; an argument without influence stays an input.
 * @throws PipelineError `config-invalid` naming a primitive that has no rule.
 */
export function compileFunction(
  fn: (args: NamedArrays) => NamedArrays,
  args: readonly ArgumentSpec[],
): OnnxProgram {
  let labels: string[] = [];
  const { jaxpr: closed } = makeJaxpr((...values: JaxArray[]) => {
    const results = fn(Object.fromEntries(args.map(({ name }, i) => [name, values[i]!])));
    labels = Object.keys(results);
    return Object.values(results);
  })(...args.map(({ type, dims }) => np.zeros([...dims], { dtype: type as never })));
  try {
    return compileJaxpr(closed, { inputs: args.map(({ name }) => name), outputs: labels });
  } finally {
    closed.dispose();
  }
}

/** Compiles a closed jaxpr; its constants become arrays of the graph. */
export function compileJaxpr(
  { jaxpr, consts }: Pick<ClosedJaxpr, 'jaxpr' | 'consts'>,
  labels: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
): OnnxProgram {
  const flat = jaxpr.flatten().simplify();
  const graph = new ValueGraph(recognise);
  const views = new Map<Var, View>();
  const inputs: Value[] = [];
  for (const [i, binder] of flat.inBinders.entries()) {
    const { shape } = binder.aval;
    const type = elementType(binder.aval.dtype);
    const constant = consts[i] as JaxArray | undefined;
    const value =
      constant === undefined
        ? graph.input(inputs.length, shape, type)
        : graph.array(elementsOf(constant, type), shape, type);
    if (constant === undefined) inputs.push(value);
    views.set(binder, { value, shape });
  }
  const viewOf = (atom: Atom): View => {
    if (!('value' in atom)) return views.get(atom)!;
    return {
      value: graph.constant(Number(atom.value), elementType(atom.aval.dtype)),
      shape: atom.aval.shape,
    };
  };
  for (const { primitive, inputs: operands, params, outBinders } of flat.eqns) {
    const results = outBinders.map(({ aval }) => ({ shape: aval.shape, type: elementType(aval.dtype) }));
    const found = applyRule(graph, operands.map(viewOf), { primitive, params, results });
    for (const [i, binder] of outBinders.entries()) views.set(binder, found[i]!);
  }
  const outputs = flat.outs.map((atom) => materialise(graph, viewOf(atom)));
  return emitProgram(graph, { inputs, outputs, labels });
}

function elementType(dtype: string): TensorType {
  switch (dtype) {
    case 'float32':
    case 'float64':
    case 'int32':
    case 'uint32':
    case 'bool':
      return dtype;
    default:
      throw new PipelineError({
        kind: 'config-invalid',
        what: 'traced functions compute in float32, float64, int32, uint32 or bool',
        value: dtype,
      });
  }
}

function elementsOf(constant: JaxArray, type: ElementType): TensorData {
  const data = constant.ref.dataSync();
  return type === 'bool' ? Uint8Array.from(data as Int32Array) : (data as Float32Array).slice();
}
