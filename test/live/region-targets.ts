// A small net of ReLUs as a file, data for it, and how often a Gaussian's draws agree with a point's code, counted unit by unit.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npyHeader } from '../infra/datasets/data-files.ts';
import { layeredModel, type PlainLayer } from '../oracle/onnx-bytes.ts';

const SIZES = [3, 4, 3, 2] as const;
const UNITS = 7;

export interface SmallNet {
  readonly model: string;
  /** npy files: the point, and points around it. */
  readonly point: string;
  readonly data: string;
  /** log P(the first units are as the point's) and its standard error, by number of units, for x ~ N(0, I). */
  readonly expected: readonly { readonly logMass: number; readonly error: number }[];
}

/** Writes the net's files to a folder; a generator of its own draws everything. */
export function makeSmallNet(folder: string, draws: number): SmallNet {
  const normal = normals(11);
  const filled = (length: number) => Float32Array.from({ length }, normal);
  const layers = SIZES.slice(1).map((outputs, i): PlainLayer => {
    return { weight: filled(SIZES[i]! * outputs), bias: filled(outputs) };
  });
  const place = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const npy = (values: Float32Array) =>
    Buffer.concat([npyHeader('<f4', [values.length / 3, 3]), Buffer.from(values.buffer)]);
  const point = filled(3);
  const code = unitsOf(layers, point);
  const hits = new Float64Array(UNITS + 1);
  for (let draw = 0; draw < draws; draw++) {
    const own = unitsOf(layers, [normal(), normal(), normal()]);
    for (let units = 1; units <= UNITS && own[units - 1] === code[units - 1]; units++) hits[units]!++;
  }
  return {
    model: place('small.onnx', layeredModel(layers)),
    point: place('point.npy', npy(point)),
    data: place('data.npy', npy(filled(3 * 200))),
    expected: Array.from(hits, (count) => {
      return { logMass: Math.log(count / draws), error: Math.sqrt((1 - count / draws) / count) };
    }),
  };
}

/** Whether each hidden unit is above 0, layer by layer. */
function unitsOf(layers: readonly PlainLayer[], x: ArrayLike<number>): boolean[] {
  const code: boolean[] = [];
  let at = Array.from(x);
  for (const { weight, bias } of layers.slice(0, -1)) {
    const units = bias.length;
    at = Array.from(bias, (offset, unit) =>
      at.reduce((sum, value, i) => sum + value * weight[i * units + unit]!, offset),
    );
    code.push(...at.map((value) => value > 0));
    at = at.map((value) => Math.max(0, value));
  }
  return code;
}

/** Standard normals by Box and Muller from xorshift32. */
function normals(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 0.5) / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) uniform();
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
