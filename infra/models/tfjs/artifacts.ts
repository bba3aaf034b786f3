// A TensorFlow.js model as it lies on disk: model.json beside its weight shards. Read whole, checked, not yet interpreted.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import type { io } from '@tensorflow/tfjs';
import { z } from 'zod';
import { PipelineError } from '#schemas/errors.ts';

/** One node of a graph model (`tensorflow.NodeDef` as JSON). */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[] | undefined;
  readonly attr?: Readonly<Record<string, unknown>> | undefined;
}

const weightSpec = z.looseObject({
  name: z.string(),
  shape: z.array(z.int().min(0)),
  dtype: z.enum(['float32', 'int32', 'bool', 'string', 'complex64', 'float16', 'uint8']),
  quantization: z.looseObject({ dtype: z.enum(['uint8', 'uint16', 'float16']).optional() }).optional(),
});

const graphNode = z.looseObject({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).optional(),
  attr: z.looseObject({}).optional(),
});

const modelJson = z.looseObject({
  format: z.string().nullish(),
  modelTopology: z.looseObject({ node: z.array(graphNode).optional() }),
  weightsManifest: z
    .array(z.looseObject({ paths: z.array(z.string()), weights: z.array(weightSpec) }))
    .default([]),
  signature: z.looseObject({}).nullish(),
});

type WeightSpec = z.infer<typeof weightSpec>;

/** What `readTfjsArtifacts` found. */
export interface TfjsArtifacts {
  readonly file: string;
  readonly kind: 'layers' | 'graph';
  /** The Keras topology, or the GraphDef with its `node` list. */
  readonly topology: Readonly<Record<string, unknown>>;
  readonly signature: Readonly<Record<string, unknown>> | null;
  readonly weightSpecs: readonly io.WeightsManifestEntry[];
  /** All shards, one after the other. */
  readonly weightData: Uint8Array<ArrayBuffer>;
  /** SHA-256 of model.json and then of every shard, in order of the manifest. */
  readonly sha256: string;
}

const VALUE_BYTES = {
  float32: 4,
  int32: 4,
  bool: 1,
  uint8: 1,
  uint16: 2,
  float16: 2,
  complex64: 8,
  string: Number.NaN,
};

/**
 * Reads model.json and its shards.
 * @throws PipelineError `model-missing` where a file is not there, `model-invalid` where one is not what it should be.
 */
export async function readTfjsArtifacts(file: string): Promise<TfjsArtifacts> {
  const hash = createHash('sha256');
  const text = await readModelFile(file);
  hash.update(text);
  const json = parseModelJson(file, text);
  const shards: Uint8Array[] = [];
  for (const path of json.weightsManifest.flatMap((group) => group.paths)) {
    const shard = await readModelFile(shardPath(file, path));
    hash.update(shard);
    shards.push(shard);
  }
  const weightData = new Uint8Array(shards.reduce((sum, shard) => sum + shard.length, 0));
  let offset = 0;
  for (const shard of shards) {
    weightData.set(shard, offset);
    offset += shard.length;
  }
  const specs = json.weightsManifest.flatMap((group) => group.weights);
  checkWeightBytes(file, specs, weightData.length);
  return {
    file,
    kind: Array.isArray(json.modelTopology['node']) ? 'graph' : 'layers',
    topology: json.modelTopology,
    signature: json.signature ?? null,
    weightSpecs: specs as unknown as io.WeightsManifestEntry[],
    weightData,
    sha256: hash.digest('hex'),
  };
}

function shardPath(file: string, path: string): string {
  const folder = resolve(dirname(file));
  const shard = resolve(folder, path);
  if (!shard.startsWith(folder + sep)) throw invalid(file, "weights lie outside of the model's folder", path);
  return shard;
}

async function readModelFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new PipelineError(
      {
        kind: 'model-missing',
        what: missing ? 'no such file' : 'the file cannot be read',
        where: file,
        ...(missing ? {} : { value: (cause as Error).message }),
        remedy: 'model.file names the model.json; its weight shards lie beside it.',
      },
      { cause },
    );
  }
}

function parseModelJson(file: string, text: Uint8Array): z.infer<typeof modelJson> {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder().decode(text));
  } catch (cause) {
    throw invalid(file, 'model.json is not JSON', (cause as Error).message);
  }
  const parsed = modelJson.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(file, 'not a TensorFlow.js model', `${issue?.path.join('.')}: ${issue?.message}`);
}

function checkWeightBytes(file: string, specs: readonly WeightSpec[], found: number): void {
  let wanted = 0;
  for (const { shape, dtype, quantization } of specs) {
    wanted += shape.reduce((product, size) => product * size, 1) * VALUE_BYTES[quantization?.dtype ?? dtype];
  }
  // Strings have no fixed size, so a manifest with strings is left to the decoder.
  if (Number.isNaN(wanted) || wanted === found) return;
  throw invalid(
    file,
    'the weight shards are not as long as the manifest says',
    `${found} bytes, expected ${wanted}`,
  );
}

/** A `model-invalid` fault. */
export function invalid(file: string, what: string, value?: string): PipelineError {
  const remedy = 'Convert or save the model again.';
  return new PipelineError({
    kind: 'model-invalid',
    what,
    where: file,
    ...(value === undefined ? {} : { value }),
    remedy,
  });
}
