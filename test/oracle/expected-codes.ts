// What the contract says a row's code is, bit by bit from float pre-activations, and what a region is.

import type { Floats } from './float-forward.ts';

/** One row of one tap: pre-activations of all its units, in bit order. */
export type UnitValues = (unit: number) => number;

/** Below this share of the row's largest pre-activation two float32 programs may disagree about a sign. */
const AMBIGUOUS = 2e-5;

export interface SettledCode {
  /** `[4 * ceil(units / 32)]`, bit j at bit j & 7 of byte j >> 3, zeros behind the last. */
  readonly bytes: Uint8Array;
  /** Bits that were taken from `recorded` against this oracle's own sign. */
  readonly adopted: number;
}

/**
 * The code of one row. Where the sign cannot be told in float32, the recorded bit is believed, so that one
 * rounding does not hide the rest of the row from the comparison.
 */
export function settledCode(z: UnitValues, units: number, recorded: Uint8Array): SettledCode {
  let largest = 0;
  for (let unit = 0; unit < units; unit++) largest = Math.max(largest, Math.abs(z(unit)));
  const bytes = new Uint8Array(4 * Math.ceil(units / 32));
  let adopted = 0;
  for (let unit = 0; unit < units; unit++) {
    const value = z(unit);
    const recordedBit = ((recorded[unit >> 3] ?? 0) >> (unit & 7)) & 1;
    const own = value > 0 ? 1 : 0;
    const unsure = value !== 0 && Math.abs(value) < AMBIGUOUS * largest;
    if (unsure && own !== recordedBit) adopted++;
    if (unsure ? recordedBit : own) bytes[unit >> 3]! |= 1 << (unit & 7);
  }
  return { bytes, adopted };
}

/** Row `row` of `[rows, units]`. */
export function denseRow({ data, dims }: Floats, row: number): UnitValues {
  const units = dims.at(-1)!;
  return (unit) => data[row * units + unit]!;
}

/** All units of one image of `[n, channels, height, width]`. */
export function imageRow({ data, dims }: Floats, image: number): UnitValues {
  const size = dims[1]! * dims[2]! * dims[3]!;
  return (unit) => data[image * size + unit]!;
}

/** The channels of one position of `[n, channels, height, width]`. */
export function positionRow(
  { data, dims }: Floats,
  image: number,
  [y, x]: readonly [number, number],
): UnitValues {
  const [, channels = 0, height = 0, width = 0] = dims;
  return (channel) => data[((image * channels + channel) * height + y) * width + x]!;
}

/** A row of the data set with its code in one span. */
export interface CodedPoint {
  readonly pointId: number;
  /** Class id, or null. */
  readonly label: number | null;
  readonly code: Uint8Array;
}

export interface ExpectedRegion {
  readonly code: Uint8Array;
  readonly pointIds: readonly number[];
  readonly firstPointId: number;
  /** Ascending. */
  readonly classIds: readonly number[];
  readonly classCounts: readonly number[];
  readonly entropyBits: number;
  readonly purity: number;
}

/** Groups points by equal codes; keys are {@link codeKey}s. */
export function expectedRegions(points: readonly CodedPoint[]): Map<string, ExpectedRegion> {
  const groups = new Map<string, CodedPoint[]>();
  for (const point of points) {
    const key = codeKey(point.code);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [point]);
    else group.push(point);
  }
  return new Map([...groups].map(([key, group]) => [key, regionOf(group)]));
}

/** A code as a text that is equal for equal codes. */
export function codeKey(code: Uint8Array): string {
  return Buffer.from(code.buffer, code.byteOffset, code.byteLength).toString('latin1');
}

/** Plug-in mutual information, in bits, of a bit and a label. */
export function mutualInformation(
  pairs: readonly { readonly on: boolean; readonly label: number }[],
): number {
  const joint = new Map<string, number>();
  const byLabel = new Map<number, number>();
  let on = 0;
  for (const pair of pairs) {
    joint.set(`${pair.on} ${pair.label}`, (joint.get(`${pair.on} ${pair.label}`) ?? 0) + 1);
    byLabel.set(pair.label, (byLabel.get(pair.label) ?? 0) + 1);
    if (pair.on) on++;
  }
  const n = pairs.length;
  return [...joint].reduce((sum, [key, count]) => {
    const [state, label] = key.split(' ');
    const marginal = (state === 'true' ? on : n - on) * byLabel.get(Number(label))!;
    return sum + (count / n) * Math.log2((count * n) / marginal);
  }, 0);
}

/** Entropy, in bits, of a distribution given by counts. */
export function entropyOf(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce(
    (sum, count) => (count === 0 ? sum : sum - (count / total) * Math.log2(count / total)),
    0,
  );
}

function regionOf(group: readonly CodedPoint[]): ExpectedRegion {
  const labels = group.flatMap(({ label }) => label ?? []);
  const classIds = [...new Set(labels)].sort((a, b) => a - b);
  const classCounts = classIds.map((id) => labels.filter((label) => label === id).length);
  const pointIds = group.map(({ pointId }) => pointId);
  return {
    code: group[0]!.code,
    pointIds,
    firstPointId: pointIds.reduce((least, id) => Math.min(least, id)),
    classIds,
    classCounts,
    entropyBits: entropyOf(classCounts),
    purity: Math.max(0, ...classCounts) / labels.length,
  };
}
