// Reading a model file: missing, corrupt and external data are told apart here.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { PipelineError } from '#schemas/errors.ts';
import { decodeModel, type GraphProto, type ModelProto, type TensorProto } from './proto.ts';
import { attributeNamed } from './tensors.ts';

/** A model as read from its file; external weights are inside. */
export interface LoadedModel {
  readonly file: string;
  readonly sha256: string;
  readonly model: ModelProto;
  readonly graph: GraphProto;
  readonly bytes: number;
}

const EXTERNAL = 1;

/**
 * Reads and parses an ONNX file and the external data that it names.
 * @throws PipelineError `model-missing` or `model-invalid`, naming the file.
 */
export async function loadModel(file: string): Promise<LoadedModel> {
  const bytes = await readModelFile(file, file);
  const hash = createHash('sha256').update(bytes);
  const model = parse(bytes, file);
  const graph = model.graph;
  if (graph === undefined || graph === null || graph.node.length === 0)
    throw invalid(file, 'the file holds no graph');
  const files = new Map<string, Uint8Array>();
  let total = bytes.length;
  for (const tensor of storedTensors(graph)) {
    if (tensor.dataLocation !== EXTERNAL) continue;
    total += await inlineExternal(tensor, file, files);
  }
  for (const name of [...files.keys()].sort()) hash.update(files.get(name) as Uint8Array);
  if (total >= 2 ** 31) throw invalid(file, 'models of 2 GiB and more are not supported', `${total} bytes`);
  return { file, sha256: hash.digest('hex'), model, graph, bytes: total };
}

/** Initializers and values of Constant nodes: every stored tensor of the main graph. */
export function storedTensors(graph: GraphProto): TensorProto[] {
  const held = graph.node
    .filter((node) => node.opType === 'Constant')
    .map((node) => attributeNamed(node, 'value')?.t)
    .filter((tensor) => tensor !== undefined && tensor !== null);
  return [...graph.initializer, ...held];
}

function parse(bytes: Uint8Array, file: string): ModelProto {
  try {
    return decodeModel(bytes);
  } catch (error) {
    throw invalid(file, 'not a readable ONNX file', error instanceof Error ? error.message : String(error));
  }
}

async function inlineExternal(
  tensor: TensorProto,
  file: string,
  files: Map<string, Uint8Array>,
): Promise<number> {
  const entry = new Map((tensor.externalData ?? []).map(({ key, value }) => [key, value]));
  const location = entry.get('location') ?? '';
  const folder = resolve(dirname(file));
  const path = resolve(folder, location);
  if (location === '' || !path.startsWith(folder + sep)) {
    throw invalid(file, `tensor ${tensor.name} names external data outside of the model's folder`, location);
  }
  const bytes = files.get(path) ?? (await readModelFile(path, file));
  files.set(path, bytes);
  const offset = Number(entry.get('offset') ?? 0);
  const length = Number(entry.get('length') ?? bytes.length - offset);
  if (offset + length > bytes.length)
    throw invalid(path, `external data of tensor ${tensor.name} is cut short`);
  tensor.rawData = bytes.subarray(offset, offset + length);
  tensor.externalData = [];
  tensor.dataLocation = 0;
  return length;
}

async function readModelFile(path: string, model: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const what =
      path === model ? 'the model file cannot be read' : `external data of ${model} cannot be read`;
    throw new PipelineError({
      kind: 'model-missing',
      what,
      where: path,
      value: code,
      remedy: 'Check model.file.',
    });
  }
}

function invalid(where: string, what: string, value?: string): PipelineError {
  const remedy = 'Export the model again, or check it with onnx.checker.';
  return new PipelineError({
    kind: 'model-invalid',
    what,
    where,
    remedy,
    ...(value === undefined ? {} : { value }),
  });
}
