// The invariant: a checkpoint comes back bit for bit, or not at all.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { faultOf } from '#schemas/errors.ts';
import {
  arrayOf,
  type Checkpoint,
  checkOrigin,
  decodeCheckpoint,
  encodeCheckpoint,
} from '../../activities/metflow/checkpoint.ts';
import { ORIGIN } from './checkpoint-origin.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/** A NaN with a payload, both zeros, a subnormal, infinities: what a detour over text would lose. */
function hardFloats(): Float64Array<ArrayBuffer> {
  const floats = Float64Array.of(0, -0, 5e-324, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.1, 0);
  new BigUint64Array(floats.buffer)[6] = 0x7ff8_dead_beef_0001n;
  return floats;
}

const CHECKPOINT: Checkpoint = {
  origin: ORIGIN,
  state: { place: { warmed: 3, drawn: 0 }, text: 'Wärme', list: [1, null, true] },
  arrays: {
    direction: Int8Array.of(-1, 1, 1),
    z: hardFloats(),
    none: new Float64Array(0),
    run: Uint32Array.of(0, 2 ** 32 - 1),
    theta: Float32Array.of(0.1),
    bytes: Uint8Array.of(7),
  },
};

function faultKind(bytes: Uint8Array): string {
  try {
    decodeCheckpoint(bytes, { where: 'f.ckpt', sha256 });
  } catch (error) {
    expect(faultOf(error).where).toBe('f.ckpt');
    return faultOf(error).kind;
  }
  return 'none';
}

describe('a checkpoint', () => {
  it('comes back bit for bit, also out of a buffer at an odd place', () => {
    const bytes = encodeCheckpoint(CHECKPOINT, sha256);
    const shifted = Buffer.concat([Buffer.of(1, 2, 3), bytes]).subarray(3);
    const found = decodeCheckpoint(shifted, { where: 'f.ckpt', sha256 });
    expect(found.origin).toEqual(ORIGIN);
    expect(found.state).toEqual(CHECKPOINT.state);
    expect(Object.keys(found.arrays)).toEqual(Object.keys(CHECKPOINT.arrays));
    for (const [name, array] of Object.entries(CHECKPOINT.arrays)) {
      expect(found.arrays[name]!.constructor).toBe(array.constructor);
      expect(Buffer.from(found.arrays[name]!.buffer)).toEqual(Buffer.from(array.buffer));
    }
  });

  it('ends in the SHA-256 of everything before', () => {
    const bytes = encodeCheckpoint(CHECKPOINT, sha256);
    const hash = createHash('sha256').update(bytes.subarray(0, -32)).digest();
    expect(Buffer.from(bytes.subarray(-32))).toEqual(hash);
  });

  it('is refused when any byte is another, or the end is missing', () => {
    const bytes = encodeCheckpoint(CHECKPOINT, sha256);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << (at % 8);
      expect(faultKind(damaged), `byte ${at}`).toBe('data-invalid');
      expect(faultKind(bytes.slice(0, at)), `cut at ${at}`).toBe('data-invalid');
    }
  });

  it('is refused in a format that is not known', () => {
    const bytes = Buffer.from(encodeCheckpoint(CHECKPOINT, sha256));
    const at = bytes.indexOf('"format":1');
    bytes[at + '"format":'.length] = '9'.charCodeAt(0);
    bytes.set(sha256(bytes.subarray(0, -32)), bytes.length - 32);
    expect(() => decodeCheckpoint(bytes, { where: 'f.ckpt', sha256 })).toThrow(/format .* \(9\)/);
  });

  it('says its format: the newest of its kind where none is asked for, else the one asked for', () => {
    const training = { ...CHECKPOINT, origin: { ...ORIGIN, kind: 'training' as const } };
    const formatOf = (given: Checkpoint) =>
      decodeCheckpoint(encodeCheckpoint(given, sha256), { where: 'f.ckpt', sha256 }).format;
    expect([training, { ...training, format: 1 }, CHECKPOINT].map(formatOf)).toEqual([2, 1, 1]);
  });

  it.each([
    ['configSha256', { configSha256: 'other' }],
    ['target', { target: { name: 'ring', sha256: 'other' } }],
    ['model', { model: 'other' }],
    ['group', { group: 1 }],
    ['seed', { seed: 4 }],
    ['kind', { kind: 'training' as const }],
  ])('of another %s is refused by name', (name, other) => {
    expect(() => checkOrigin({ ...ORIGIN, ...other }, ORIGIN, 'f.ckpt')).toThrow(`another ${name}`);
  });

  it('of another version of the code is not refused', () => {
    expect(() => checkOrigin({ ...ORIGIN, codeVersion: '0' }, ORIGIN, 'f.ckpt')).not.toThrow();
  });

  it('names an array that is missing or of another type', () => {
    expect(() => arrayOf(CHECKPOINT, 'momentum', 'float64')).toThrow(/momentum.*float64/);
    expect(() => arrayOf(CHECKPOINT, 'theta', 'float64')).toThrow(/theta.*float64/);
  });
});
