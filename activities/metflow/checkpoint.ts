// Checkpoints as bytes: numbers and names as JSON, arrays as they lie in memory, a hash of it all behind.
//
// Layout, little-endian: 8 bytes magic, uint32 length of the JSON, JSON, arrays in the JSON's order, each at a multiple
// of 8 bytes from the start, 32 bytes hash of everything before.

import { PipelineError } from '#schemas/errors.ts';

/**
 * Formats that are read, the last of them written where none is asked for: a new one when a field of a kind's checkpoints
 * changes its meaning. `activities/metflow/chains/training-record.ts` says what those of trainings mean.
 */
const FORMATS: Readonly<Record<CheckpointOrigin['kind'], readonly number[]>> = {
  chains: [1],
  training: [1, 2],
};

/** Arrays that a checkpoint may hold. */
export type CheckpointArray =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** Anything JSON holds; NaN and infinities belong into arrays. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Whose state it is and what it depends on: a checkpoint of anything else must not be gone on with. */
export interface CheckpointOrigin {
  readonly kind: 'chains' | 'training';
  readonly runId: string;
  readonly configSha256: string;
  readonly codeVersion: string;
  /** Name of the target, and hash of everything its density depends on. */
  readonly target: { readonly name: string; readonly sha256: string };
  /** Hash of the trained parameters that the kernels use; null without any. */
  readonly model: string | null;
  readonly dtype: string;
  readonly backend: string;
  readonly threads: number;
  readonly seed: number;
  /** Group of chains, null for the training. */
  readonly group: number | null;
}

export interface Checkpoint {
  readonly origin: CheckpointOrigin;
  readonly state: { readonly [name: string]: Json };
  readonly arrays: Readonly<Record<string, CheckpointArray>>;
  /** What its fields mean, one of those that its kind has. @default the newest */
  readonly format?: number | undefined;
}

export interface DecodedCheckpoint extends Checkpoint {
  readonly format: number;
}

/** SHA-256 of some bytes, 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

const MAGIC = new TextEncoder().encode('TSRCKPT\n');
const HASH_BYTES = 32;
const ALIGNMENT = 8;

const TYPES = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;
type TypeName = keyof typeof TYPES;

interface Header {
  readonly format: number;
  readonly origin: CheckpointOrigin;
  readonly state: Checkpoint['state'];
  readonly arrays: readonly { readonly name: string; readonly type: TypeName; readonly length: number }[];
}

/** A checkpoint as bytes: the same state gives the same bytes. */
export function encodeCheckpoint(
  { origin, state, arrays, format = FORMATS[origin.kind].at(-1)! }: Checkpoint,
  sha256: Sha256,
): Uint8Array {
  const entries = Object.entries(arrays);
  const header: Header = {
    format,
    origin,
    state,
    arrays: entries.map(([name, array]) => ({ name, type: typeOf(array), length: array.length })),
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = MAGIC.length + 4 + json.length;
  const end = entries.reduce((at, [, array]) => aligned(at) + array.byteLength, start);
  const bytes = new Uint8Array(end + HASH_BYTES);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint32(MAGIC.length, json.length, true);
  bytes.set(json, MAGIC.length + 4);
  let at = start;
  for (const [, array] of entries) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), aligned(at));
    at = aligned(at) + array.byteLength;
  }
  bytes.set(sha256(bytes.subarray(0, end)), end);
  return bytes;
}

/**
 * The checkpoint of some bytes, whole and untouched.
 * @param where - the file, for faults.
 * @throws PipelineError `data-invalid` where the bytes are damaged, or of another format.
 */
export function decodeCheckpoint(
  given: Uint8Array,
  { where, sha256 }: { readonly where: string; readonly sha256: Sha256 },
): DecodedCheckpoint {
  // Node's buffers have a slice of their own, which does not copy.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  const end = bytes.length - HASH_BYTES;
  if (end < MAGIC.length + 4 || !MAGIC.every((byte, at) => bytes[at] === byte))
    throw damaged(where, 'this is no checkpoint');
  const hash = sha256(bytes.subarray(0, end));
  if (!hash.every((byte, at) => bytes[end + at] === byte))
    throw damaged(where, 'the checkpoint is damaged: its hash does not fit');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = MAGIC.length + 4 + view.getUint32(MAGIC.length, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(MAGIC.length + 4, start))) as Header;
  if (!FORMATS[header.origin.kind].includes(header.format))
    throw damaged(
      where,
      'the checkpoint has a format that this version does not know',
      String(header.format),
    );
  const arrays: Record<string, CheckpointArray> = {};
  let at = start;
  for (const { name, type, length } of header.arrays) {
    const Type = TYPES[type];
    const from = aligned(at);
    at = from + length * Type.BYTES_PER_ELEMENT;
    // A copy: aligned whatever the buffer, and the file's bytes are let go.
    arrays[name] = new Type(bytes.slice(from, at).buffer);
  }
  return { origin: header.origin, state: header.state, arrays, format: header.format };
}

/**
 * Holds a checkpoint to the run that wants to go on from it. Versions of code may differ: going on is then noted.
 * @throws PipelineError `run-config-mismatch` naming what differs.
 */
export function checkOrigin(found: CheckpointOrigin, wanted: CheckpointOrigin, where: string): void {
  const names = Object.keys(wanted).filter((name) => name !== 'codeVersion') as (keyof CheckpointOrigin)[];
  const other = names.find((name) => JSON.stringify(found[name]) !== JSON.stringify(wanted[name]));
  if (other === undefined) return;
  throw new PipelineError({
    kind: 'run-config-mismatch',
    where,
    what: `the checkpoint was written with another ${other}`,
    value: `${JSON.stringify(found[other])}, expected ${JSON.stringify(wanted[other])}`,
    remedy: 'Undo the change, or give the run another id; without the checkpoints it starts over.',
  });
}

/** An array of a checkpoint under its name and type. @throws PipelineError `data-invalid` where it is not there. */
export function arrayOf<Name extends TypeName>(
  { arrays }: Checkpoint,
  name: string,
  type: Name,
): InstanceType<(typeof TYPES)[Name]> & CheckpointArray {
  const array = arrays[name];
  if (array instanceof TYPES[type]) return array as never;
  throw damaged(`array ${name}`, `a checkpoint lacks an array of ${type}`);
}

function typeOf(array: CheckpointArray): TypeName {
  const names = Object.keys(TYPES) as TypeName[];
  return names.find((name) => array.constructor === TYPES[name])!;
}

function aligned(at: number): number {
  return Math.ceil(at / ALIGNMENT) * ALIGNMENT;
}

function damaged(where: string, what: string, value?: string): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    where,
    what,
    ...(value === undefined ? {} : { value }),
    remedy: 'Remove the file: the run then goes on from the checkpoint before, or from its start.',
  });
}
