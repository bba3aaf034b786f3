// GELU as exporters decompose it: 0.5 z (1 + erf(z / sqrt 2)) and 0.5 z (1 + tanh(c (z + 0.044715 z^3))), in
// any order of factors, with Pow or Mul chains, Div or Mul. The inner argument is matched as a polynomial in
// z, the outer product by its factors.

import type { GraphIndex } from './graph.ts';
import type { NodeProto } from './proto.ts';

const ERF_ARGUMENT = [0, Math.SQRT1_2, 0, 0] as const;
const TANH_SCALE = Math.sqrt(2 / Math.PI);
const TANH_ARGUMENT = [0, TANH_SCALE, 0, TANH_SCALE * 0.044715] as const;
const DEPTH = 8;

type Cubic = readonly [number, number, number, number];

/** A decomposed GELU: the tensor that it bends and the tensor that holds the result. */
export interface DecomposedGelu {
  readonly z: string;
  readonly output: string;
}

/**
 * The pre-activation of the GELU around an Erf or Tanh node.
 * @returns the tensor name, or undefined where the node is no part of a GELU.
 */
export function geluPreActivation(index: GraphIndex, node: NodeProto): string | undefined {
  return decomposedGelu(index, node)?.z;
}

/** The GELU around an Erf or Tanh node, or undefined where the node is no part of one. */
export function decomposedGelu(index: GraphIndex, node: NodeProto): DecomposedGelu | undefined {
  const wanted: Cubic | undefined =
    node.opType === 'Erf' ? ERF_ARGUMENT : node.opType === 'Tanh' ? TANH_ARGUMENT : undefined;
  const [argument, output] = [node.input[0], node.output[0]];
  if (wanted === undefined || argument === undefined || output === undefined) return undefined;
  const onePlus = index
    .consumersOf(output)
    .find((user) => user.opType === 'Add' && index.scalarOf(other(user, output)) === 1);
  if (onePlus === undefined) return undefined;
  const candidates = new Set<string>();
  collectAncestors(index, argument, candidates, DEPTH);
  for (const z of candidates) {
    const found = polynomial(index, argument, z, DEPTH);
    if (found === undefined || !close(found, wanted)) continue;
    const product = halfTimes(index, onePlus.output[0] ?? '', z);
    if (product !== undefined) return { z, output: product };
  }
  return undefined;
}

function other(node: NodeProto, tensor: string): string {
  return (node.input[0] === tensor ? node.input[1] : node.input[0]) ?? '';
}

function collectAncestors(index: GraphIndex, tensor: string, into: Set<string>, depth: number): void {
  if (depth === 0 || into.has(tensor) || index.constantOf(tensor) !== undefined) return;
  into.add(tensor);
  const maker = index.producerOf(tensor);
  if (maker === undefined || !['Add', 'Mul', 'Div', 'Pow', 'Identity'].includes(maker.opType)) return;
  for (const name of maker.input) collectAncestors(index, name, into, depth - 1);
}

/** Coefficients of the tensor as a cubic in z, or undefined where it is none. */
function polynomial(index: GraphIndex, tensor: string, z: string, depth: number): Cubic | undefined {
  if (tensor === z) return [0, 1, 0, 0];
  const constant = index.scalarOf(tensor);
  if (constant !== undefined) return [constant, 0, 0, 0];
  const maker = index.producerOf(tensor);
  if (maker === undefined || depth === 0) return undefined;
  const parts = maker.input.map((name) => polynomial(index, name, z, depth - 1));
  const [a, b] = parts;
  if (a === undefined) return undefined;
  if (maker.opType === 'Identity') return a;
  if (b === undefined) return undefined;
  switch (maker.opType) {
    case 'Add':
      return [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]];
    case 'Mul':
      return times(a, b);
    case 'Div':
      return isConstant(b) ? times(a, [1 / b[0], 0, 0, 0]) : undefined;
    case 'Pow':
      return isConstant(b) ? power(a, b[0]) : undefined;
    default:
      return undefined;
  }
}

function isConstant(p: Cubic): boolean {
  return p[1] === 0 && p[2] === 0 && p[3] === 0;
}

function times(a: Cubic, b: Cubic): Cubic | undefined {
  const product = [0, 0, 0, 0, 0, 0, 0];
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      product[i + j] = (product[i + j] ?? 0) + x * y;
    });
  });
  const [c0, c1, c2, c3, ...higher] = product as [number, number, number, number, ...number[]];
  return higher.every((value) => value === 0) ? [c0, c1, c2, c3] : undefined;
}

function power(base: Cubic, exponent: number): Cubic | undefined {
  if (exponent === 2) return times(base, base);
  const square = exponent === 3 ? times(base, base) : undefined;
  return square === undefined ? undefined : times(square, base);
}

function close(found: Cubic, wanted: Cubic): boolean {
  return wanted.every((value, i) => Math.abs((found[i] ?? 0) - value) <= 1e-3 * Math.abs(value) + 1e-6);
}

/** The product downstream of `onePlus` that is exactly 0.5 * z * onePlus. */
function halfTimes(index: GraphIndex, onePlus: string, z: string): string | undefined {
  let frontier = [{ tensor: onePlus, product: [1, 0, 0, 0] as Cubic }];
  for (let step = 0; step < 3; step++) {
    const next: typeof frontier = [];
    for (const { tensor, product } of frontier) {
      for (const user of index.consumersOf(tensor)) {
        const grown = grow(index, user, { tensor, product }, z);
        if (grown === undefined) continue;
        if (Math.abs(grown[1] - 0.5) < 1e-3 && grown[0] === 0 && grown[2] === 0 && grown[3] === 0)
          return user.output[0];
        next.push({ tensor: user.output[0] ?? '', product: grown });
      }
    }
    frontier = next;
  }
  return undefined;
}

function grow(
  index: GraphIndex,
  user: NodeProto,
  from: { tensor: string; product: Cubic },
  z: string,
): Cubic | undefined {
  const factor = polynomial(index, other(user, from.tensor), z, 3);
  if (factor === undefined) return undefined;
  if (user.opType === 'Mul') return times(from.product, factor);
  const divides = user.opType === 'Div' && user.input[0] === from.tensor && isConstant(factor);
  return divides ? times(from.product, [1 / factor[0], 0, 0, 0]) : undefined;
}
