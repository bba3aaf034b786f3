// Where points of the data set lie in the start spaces, and their codes in every tap, by forward passes.

import { PipelineError } from '#schemas/errors.ts';
import type { WordCodes } from '../polytope/hamming.ts';
import { packSigns } from '../polytope/sign-code.ts';
import { softBits } from '../polytope/soft-code.ts';
import type { Samples } from './experiment.ts';
import type { Network } from './network.ts';
import { pointPasses } from './point-passes.ts';

export interface PointCodes {
  /** Per space `[points, size]`. */
  readonly spaces: readonly Float32Array[];
  /** Per tap of the network, one row per point. */
  readonly codes: readonly WordCodes[];
  /** Per tap `[points, units]` soft bits; null where the activation is piecewise linear. */
  readonly soft: readonly (Float32Array | null)[];
}

export interface PointRequest {
  /** `[points]` numbers `sample * stride + token`, ascending. */
  readonly points: Int32Array;
  readonly stride: number;
  /** Names of start spaces. */
  readonly spaces: readonly string[];
  readonly signal: AbortSignal;
}

/** Bytes of the tensors of one forward pass. */
const PASS_BYTES = 2 ** 26;

/**
 * Runs the samples of the points through the network.
 * @throws PipelineError `non-finite-input` where a pre-activation is not finite.
 */
export async function pointCodes(
  network: Network,
  samples: Samples,
  { points, stride, spaces, signal }: PointRequest,
): Promise<PointCodes> {
  const found = emptyCodes(network, spaces, points.length);
  const to = [...spaces, ...network.taps.map(({ name }) => name)];
  const passes = { points, stride, to, samplesPerPass: samplesPerPass(network, spaces, stride), signal };
  for await (const { values, from, rows } of pointPasses(network, samples, passes))
    for (const [i, row] of rows.entries()) keepPoint(found, { network, spaces, values, at: from + i, row });
  return found;
}

/** A sample takes as much as its tensors; small networks are bounded by the number of samples. */
function samplesPerPass({ taps, startSpaces }: Network, spaces: readonly string[], stride: number): number {
  const floats =
    taps.reduce((sum, { codeBits }) => sum + codeBits, 0) +
    spaces.reduce((sum, name) => sum + sizeOf(startSpaces, name), 0);
  return Math.max(1, Math.min(512, Math.floor(PASS_BYTES / (4 * floats * stride))));
}

function sizeOf(startSpaces: Network['startSpaces'], name: string): number {
  return startSpaces.find((space) => space.name === name)!.size;
}

function emptyCodes({ taps, startSpaces }: Network, spaces: readonly string[], points: number): PointCodes {
  return {
    spaces: spaces.map((name) => new Float32Array(points * sizeOf(startSpaces, name))),
    codes: taps.map(({ codeBits }) => {
      const wordsPerRow = Math.ceil(codeBits / 32);
      return { words: new Uint32Array(points * wordsPerRow), rows: points, wordsPerRow };
    }),
    soft: taps.map(({ exact, codeBits }) => (exact ? null : new Float32Array(points * codeBits))),
  };
}

interface ForwardRow {
  readonly network: Network;
  readonly spaces: readonly string[];
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Row of the point in what is kept. */
  readonly at: number;
  /** Row of the point in the tensors. */
  readonly row: number;
}

function keepPoint(found: PointCodes, { network, spaces, values, at, row }: ForwardRow): void {
  spaces.forEach((name, i) => {
    const size = sizeOf(network.startSpaces, name);
    found.spaces[i]!.set(values.get(name)!.subarray(row * size, (row + 1) * size), at * size);
  });
  network.taps.forEach(({ name, codeBits }, tap) => {
    const pre = values.get(name)!.subarray(row * codeBits, (row + 1) * codeBits);
    const { words, wordsPerRow } = found.codes[tap]!;
    words.set(new Uint32Array(packRow(pre, name).buffer), at * wordsPerRow);
    found.soft[tap]?.set(softBits(pre), at * codeBits);
  });
}

/** The code of one point in a tap, as bytes. @throws PipelineError `non-finite-input` with the unit. */
export function packRow(pre: Float32Array, tap: string): Uint8Array {
  const bad = pre.findIndex((z) => !Number.isFinite(z));
  if (bad < 0) return packSigns(pre, { rows: 1, neurons: pre.length });
  throw new PipelineError({
    kind: 'non-finite-input',
    what: 'a pre-activation is not finite',
    where: `${tap}, unit ${bad}`,
    value: String(pre[bad]),
    remedy: 'Check the input and the weights for NaN and overflow.',
  });
}
