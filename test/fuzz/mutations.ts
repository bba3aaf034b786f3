// Mutations of valid files: bytes anywhere, and structure where a format has it. Everything follows from the random stream.

import { isMap, isSeq, parseDocument } from 'yaml';
import type { RandomStream } from '../../activities/numeric/rng.ts';
import { mutateProtobuf } from './protobuf.ts';

/** How a file is mutated besides by its bytes. */
export type Structure = 'bytes' | 'json' | 'yaml' | 'protobuf';

/** Edges of integer types, as a header's sizes and offsets like them least. */
const EDGES = [0, 1, -1, 127, 128, 255, 65_535, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1] as const;

/** Ends of a file hold headers and footers: half of the places lie within so many bytes of them. */
const END_BYTES = 96;

/** A mutated copy. */
export function mutate(bytes: Uint8Array, structure: Structure, random: RandomStream): Uint8Array {
  const byStructure = structure !== 'bytes' && random.below(4) > 0;
  if (byStructure) return STRUCTURES[structure](bytes, random);
  let mutated: Uint8Array = Uint8Array.from(bytes);
  for (let times = 1 + random.below(4); times > 0; times--)
    mutated = pick(BYTE_MUTATIONS, random)(mutated, random);
  return mutated;
}

type Mutation = (bytes: Uint8Array, random: RandomStream) => Uint8Array;

const STRUCTURES: Readonly<Record<Exclude<Structure, 'bytes'>, Mutation>> = {
  json: (bytes, random) =>
    Buffer.from(JSON.stringify(mutateValue(JSON.parse(Buffer.from(bytes).toString()), random))),
  yaml: mutateYaml,
  protobuf: mutateProtobuf,
};

const BYTE_MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    if (bytes.length > 0) bytes[place(bytes, random)]! ^= 1 << random.below(8);
    return bytes;
  },
  function setByte(bytes, random) {
    if (bytes.length > 0)
      bytes[place(bytes, random)] = pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)], random);
    return bytes;
  },
  function setInteger(bytes, random) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const at = place(bytes, random);
    const [edge, little] = [pick(EDGES, random), random.below(2) === 0];
    if (at + 8 <= bytes.length && random.below(3) === 0)
      view.setBigInt64(at, BigInt(edge) << BigInt(random.below(32)), little);
    else if (at + 4 <= bytes.length) view.setInt32(at, edge, little);
    return bytes;
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random.below(bytes.length + 1));
  },
  function removePiece(bytes, random) {
    const at = place(bytes, random);
    return join(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(64)));
  },
  function repeatPiece(bytes, random) {
    const at = place(bytes, random);
    const piece = bytes.subarray(at, at + 1 + random.below(256));
    return join(bytes.subarray(0, at), piece, bytes.subarray(at));
  },
  function insertNoise(bytes, random) {
    const at = place(bytes, random);
    const noise = Uint8Array.from({ length: 1 + random.below(32) }, () => random.below(256));
    return join(bytes.subarray(0, at), noise, bytes.subarray(at));
  },
  function zeroPiece(bytes, random) {
    const at = place(bytes, random);
    return bytes.fill(0, at, at + 1 + random.below(128));
  },
];

function place(bytes: Uint8Array, random: RandomStream): number {
  const within = Math.min(END_BYTES, bytes.length);
  const part = random.below(4);
  if (part === 0) return random.below(Math.max(1, within));
  if (part === 1) return Math.max(0, bytes.length - 1 - random.below(Math.max(1, within)));
  return random.below(Math.max(1, bytes.length));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

export function pick<T>(from: readonly T[], random: RandomStream): T {
  return from[random.below(from.length)]!;
}

/** Values that readers of JSON and YAML do not wait for. */
function strangeValue(random: RandomStream): unknown {
  const deep = Array.from({ length: 200 }).reduce((inner: unknown) => [inner], 0);
  const values = [
    null,
    true,
    '',
    'x'.repeat(5000),
    '\u0000',
    '../../etc',
    -1,
    0,
    0.5,
    2 ** 53,
    1e308,
    -1e308,
  ];
  return pick([...values, [], {}, deep, [[]], { '': 1 }, ['a', 'b', 'c'], '__proto__'], random);
}

/** A copy with one to three places changed: another value, a missing or an additional entry. */
function mutateValue(value: unknown, random: RandomStream): unknown {
  const mutated = value;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const places = placesOf(mutated);
    if (places.length === 0) return strangeValue(random);
    const { parent, key } = pick(places, random);
    if (Array.isArray(parent)) changeList(parent, Number(key), random);
    else changeMap(parent, key, random);
  }
  return mutated;
}

interface Place {
  readonly parent: unknown[] | Record<string, unknown>;
  readonly key: string;
}

function placesOf(value: unknown): Place[] {
  const places: Place[] = [];
  const walk = (node: unknown, depth: number) => {
    if (typeof node !== 'object' || node === null || depth > 50) return;
    // Long lists (a vocabulary, weights) would drown the rest.
    for (const key of Object.keys(node).slice(0, 40)) {
      places.push({ parent: node as Record<string, unknown>, key });
      walk((node as Record<string, unknown>)[key], depth + 1);
    }
  };
  walk(value, 0);
  return places;
}

function changeList(list: unknown[], index: number, random: RandomStream): void {
  const kind = random.below(4);
  if (kind === 0) list.splice(index, 1);
  else if (kind === 1) list.splice(index, 0, structuredClone(list[index]));
  else list[index] = strangeValue(random);
}

function changeMap(map: Record<string, unknown>, key: string, random: RandomStream): void {
  const kind = random.below(5);
  if (kind === 0) delete map[key];
  else if (kind === 1) map[`${key}x`] = map[key];
  else map[key] = strangeValue(random);
}

/** As JSON where the document parses; anchors and tags come from the bytes. */
function mutateYaml(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const document = parseDocument(Buffer.from(bytes).toString());
  if (!isMap(document.contents) && !isSeq(document.contents)) return bytes;
  return Buffer.from(JSON.stringify(mutateValue(document.toJS(), random)));
}
