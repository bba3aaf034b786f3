// Control nets: which stored tensors are weights, and of what kind, so that the pure part can redraw or
// shuffle them.

import { PipelineError } from '#schemas/errors.ts';
import {
  permuteWeights,
  randomInit,
  type Weight,
  type WeightRole,
} from '../../../activities/polytope/weight-control.ts';
import { type GraphIndex, indexGraph } from './graph.ts';
import { type LoadedModel, storedTensors } from './load.ts';
import type { NodeProto, TensorProto } from './proto.ts';
import { ELEMENT, elements, floatValues, intAttribute, setFloatValues, tensorDims } from './tensors.ts';

/**
 * Rewrites the weights of a loaded model in place.
 * @throws PipelineError `model-invalid` where a weight is no float32 tensor or the model has no weights.
 */
export function applyControl(
  loaded: LoadedModel,
  control: 'none' | 'random_init' | 'weight_permuted',
  seed: number,
): void {
  if (control === 'none') return;
  const index = indexGraph(loaded.graph);
  const names = new Map<TensorProto, string>();
  for (const node of loaded.graph.node) {
    const held = node.opType === 'Constant' ? index.constantOf(node.output[0] ?? '') : undefined;
    if (held !== undefined) names.set(held, node.output[0] ?? '');
  }
  const weights: (Weight & { readonly tensor: TensorProto })[] = [];
  for (const tensor of storedTensors(loaded.graph)) {
    const role = roleOf(index, names.get(tensor) ?? tensor.name ?? '', tensorDims(tensor), 3);
    if (role === undefined) continue;
    const values = floatValues(tensor);
    if (values === null) throw notFloat(loaded.file, tensor);
    if (role.kind !== 'position' || looksLearnt(values))
      weights.push({ tensor, role: role.kind === 'position' ? { kind: 'embedding' } : role, values });
  }
  if (weights.length === 0) throw noWeights(loaded.file, control);
  if (control === 'random_init') randomInit(weights, seed);
  else permuteWeights(weights, seed);
  for (const { tensor, values } of weights) setFloatValues(tensor, values);
}

type Role = WeightRole | { readonly kind: 'position' };

/** What the first user of a tensor that says so makes of it; `dims` follows the tensor through Transpose. */
function roleOf(index: GraphIndex, name: string, dims: readonly number[], depth: number): Role | undefined {
  const users = index.consumersOf(name);
  const lookup = users.some(
    (user) => user.opType === 'Gather' && user.input[0] === name && dims.length === 2,
  );
  if (lookup && !isIntegral(index, name)) return { kind: 'embedding' };
  for (const user of users) {
    const role = roleIn(index, user, name, dims, depth);
    if (role !== undefined) return role;
  }
  return undefined;
}

function roleIn(
  index: GraphIndex,
  user: NodeProto,
  name: string,
  dims: readonly number[],
  depth: number,
): Role | undefined {
  const at = user.input.indexOf(name);
  switch (user.opType) {
    case 'Conv':
    case 'ConvTranspose':
    case 'Gemm':
      return linear(affineFanIn(index, user));
    case 'MatMul':
      return dims.length < 2 ? undefined : linear(dims.at(at === 0 ? -1 : -2));
    case 'Add':
      return addedRole(index, user, name, dims);
    case 'Transpose':
      return depth === 0 ? undefined : roleOf(index, user.output[0] ?? '', [...dims].reverse(), depth - 1);
    case 'Identity':
    case 'Slice':
    case 'Unsqueeze':
    case 'Squeeze':
      return depth === 0 ? undefined : roleOf(index, user.output[0] ?? '', dims, depth - 1);
    default:
      return undefined;
  }
}

// Weight and bias share the layer's fan-in; the weight may sit behind a Transpose.
function affineFanIn(index: GraphIndex, user: NodeProto): number | undefined {
  const stored =
    index.constantOf(user.input[1] ?? '') ??
    index.constantOf(index.producerOf(user.input[1] ?? '')?.input[0] ?? '');
  if (stored === undefined) return undefined;
  const dims = tensorDims(stored);
  if (user.opType !== 'Gemm') return elements(dims.slice(1));
  const behindTranspose =
    index.constantOf(user.input[1] ?? '') === undefined &&
    index.producerOf(user.input[1] ?? '')?.opType === 'Transpose';
  const lastIsIn = (intAttribute(user, 'transB', 0) === 1) !== behindTranspose;
  return dims[lastIsIn ? 1 : 0];
}

/**
 * `Add` of a MatMul's result and a vector is a bias; of a table is a position embedding; of anything else
 * neither.
 */
function addedRole(
  index: GraphIndex,
  user: NodeProto,
  name: string,
  dims: readonly number[],
): Role | undefined {
  const source = user.input.find((input) => input !== name);
  const maker = source === undefined ? undefined : index.producerOf(source);
  const wide = dims.filter((dim) => dim > 1).length;
  if (maker?.opType === 'MatMul' && wide <= 1) {
    const factor = maker.input.map((input) => stored(index, input)).find((found) => found !== undefined);
    return factor === undefined ? undefined : linear(factor);
  }
  return wide >= 2 ? { kind: 'position' } : undefined;
}

/** Fan-in of a stored MatMul factor on the right, also behind a Transpose. */
function stored(index: GraphIndex, name: string): number | undefined {
  const direct = index.constantOf(name);
  if (direct !== undefined) return tensorDims(direct).at(-2);
  const maker = index.producerOf(name);
  const behind = maker?.opType === 'Transpose' ? index.constantOf(maker.input[0] ?? '') : undefined;
  return behind === undefined ? undefined : tensorDims(behind).at(-1);
}

function linear(fanIn: number | undefined): Role | undefined {
  return fanIn === undefined || fanIn === 0 ? undefined : { kind: 'linear', fanIn };
}

function isIntegral(index: GraphIndex, name: string): boolean {
  const type = index.constantOf(name)?.dataType;
  return type === ELEMENT.int64 || type === ELEMENT.int32;
}

// Attention masks are added tables too: they are constant, binary or hold very negative numbers.
function looksLearnt(values: Float32Array): boolean {
  let distinct = false;
  for (const value of values) {
    if (!(value > -1e3)) return false;
    if (value !== 0 && value !== 1 && value !== values[0]) distinct = true;
  }
  return distinct;
}

function notFloat(file: string, tensor: TensorProto): PipelineError {
  return new PipelineError({
    kind: 'model-invalid',
    what: 'model.control needs float32 weights',
    where: `${file}, tensor ${tensor.name}`,
    value: `element type ${tensor.dataType}`,
    remedy: 'Export the model in float32, or set model.control to none.',
  });
}

function noWeights(file: string, control: string): PipelineError {
  return new PipelineError({
    kind: 'model-invalid',
    what: 'no weight tensor was found to rewrite',
    where: file,
    value: control,
    remedy: 'Set model.control to none, or export with the weights stored in the file.',
  });
}
