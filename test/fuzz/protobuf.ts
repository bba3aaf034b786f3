// Mutations of protobuf messages by their wire format: fields are removed, repeated, swapped and given strange contents,
// and every length around them stays right, so that readers get behind the outermost check.

import type { RandomStream } from '../../activities/numeric/rng.ts';

interface Field {
  readonly number: number;
  readonly wire: 0 | 1 | 2 | 5;
  /** Wire types 0, 1, 5: the bytes as they are. */
  readonly bytes: Uint8Array;
  /** Wire type 2: nested fields, where the contents parse as such. */
  readonly fields: Field[] | null;
}

const MAX_DEPTH = 12;
/** Larger contents are weights: not worth parsing. */
const MAX_NESTED_BYTES = 64 * 1024;

/** A copy with one to three fields changed; bytes that are no message come back as they are. */
export function mutateProtobuf(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const root = parse(bytes, 0);
  if (root === null) return bytes;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const lists = listsOf(root);
    change(lists[random.below(lists.length)]!, random);
  }
  return encode(root);
}

function change(fields: Field[], random: RandomStream): void {
  if (fields.length === 0) return;
  const at = random.below(fields.length);
  const field = fields[at]!;
  const other = random.below(fields.length);
  switch (random.below(6)) {
    case 0:
      fields.splice(at, 1);
      return;
    case 1:
      fields.splice(at, 0, field);
      return;
    case 2:
      [fields[at], fields[other]] = [fields[other]!, field];
      return;
    case 3:
      fields[at] = { ...field, number: 1 + random.below(20) };
      return;
    default:
      fields[at] = strangeContents(field, random);
  }
}

function strangeContents(field: Field, random: RandomStream): Field {
  if (field.wire === 0)
    return { ...field, bytes: varint(STRANGE_INTEGERS[random.below(STRANGE_INTEGERS.length)]!) };
  const length = field.wire === 1 ? 8 : field.wire === 5 ? 4 : random.below(40);
  const kept =
    field.fields === null && random.below(2) === 0
      ? field.bytes.slice(0, random.below(field.bytes.length + 1))
      : null;
  const noise = Uint8Array.from({ length }, () => random.below(256));
  return { ...field, bytes: field.wire === 2 && kept !== null ? kept : noise, fields: null };
}

const STRANGE_INTEGERS = [0n, 1n, 2n, 11n, 16n, 127n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n];

function listsOf(fields: Field[]): Field[][] {
  return [fields, ...fields.flatMap((field) => (field.fields === null ? [] : listsOf(field.fields)))];
}

function parse(bytes: Uint8Array, depth: number): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    if (tag === null) return null;
    const [number, wire] = [Number(tag.value >> 3n), Number(tag.value & 7n)];
    const found = number > 0 && number < 2 ** 16 ? contents(bytes, tag.end, wire) : null;
    if (found === null) return null;
    const fieldsWithin =
      wire === 2 && depth < MAX_DEPTH && nests(found.bytes) ? parse(found.bytes, depth + 1) : null;
    fields.push({ number, wire: wire as Field['wire'], bytes: found.bytes, fields: fieldsWithin });
    at = found.end;
  }
  return fields;
}

function nests(bytes: Uint8Array): boolean {
  return bytes.length > 1 && bytes.length <= MAX_NESTED_BYTES;
}

function contents(bytes: Uint8Array, from: number, wire: number): { bytes: Uint8Array; end: number } | null {
  let [start, end] = [from, from];
  if (wire === 0) end = readVarint(bytes, from)?.end ?? Number.POSITIVE_INFINITY;
  else if (wire === 1) end = from + 8;
  else if (wire === 5) end = from + 4;
  else if (wire === 2) {
    const length = readVarint(bytes, from);
    if (length === null || length.value > BigInt(bytes.length)) return null;
    start = length.end;
    end = start + Number(length.value);
  } else return null;
  return end > bytes.length ? null : { bytes: bytes.subarray(start, end), end };
}

function readVarint(bytes: Uint8Array, from: number): { value: bigint; end: number } | null {
  let value = 0n;
  for (let i = 0; i < 10 && from + i < bytes.length; i++) {
    const byte = bytes[from + i]!;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value, end: from + i + 1 };
  }
  return null;
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function encode(fields: readonly Field[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { number, wire, bytes, fields: within } of fields) {
    parts.push(varint((BigInt(number) << 3n) | BigInt(wire)));
    const body = within === null ? bytes : encode(within);
    if (wire === 2) parts.push(varint(BigInt(body.length)));
    parts.push(body);
  }
  return Uint8Array.from(Buffer.concat(parts));
}
