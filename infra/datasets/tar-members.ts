// Members of a tar file (ustar, pax, GNU) by walking its headers, so that any sample can be read by position.

import type { OpenDataFile } from './data-file.ts';
import { dataInvalid } from './faults.ts';

export interface TarMember {
  readonly name: string;
  /** Byte of the member's first header block, with its pax or long-name blocks. */
  readonly headerOffset: number;
  /** Byte of the content. */
  readonly offset: number;
  readonly size: number;
}

/** Consecutive members with one key: a sample of a WebDataset. */
export interface TarGroup {
  readonly key: string;
  readonly headerOffset: number;
  /** By suffix: what follows the first dot of the member's base name. */
  readonly members: ReadonlyMap<string, TarMember>;
}

const BLOCK = 512;

/**
 * Key (folders and base name up to its first dot) and suffix. As in the webdataset package, files without a suffix (README) and
 * hidden ones (`._cat.png`, which macOS adds) belong to no sample, and suffixes have no case.
 */
const MEMBER_NAME = /^((?:.*\/)?[^./]+)\.([^/]+)$/s;

/** Long names and pax records are small; a longer one is damage. */
const MAX_EXTENSION_BYTES = 1 << 20;

/**
 * Groups regular files by their name up to the first dot of the base name.
 * @throws PipelineError `data-invalid` naming the tar file and byte where a header is damaged or content is
 * cut off.
 * @see https://github.com/webdataset/webdataset (naming), POSIX.1-2001 pax (headers).
 */
export async function* tarGroups(file: OpenDataFile, { from }: { from: number }): AsyncGenerator<TarGroup> {
  let group: { key: string; headerOffset: number; members: Map<string, TarMember> } | null = null;
  for await (const member of tarMembers(file, { from })) {
    const [, key, spelled] = MEMBER_NAME.exec(member.name) ?? [];
    if (key === undefined || spelled === undefined) continue;
    const suffix = spelled.toLowerCase();
    if (group !== null && group.key !== key) {
      yield group;
      group = null;
    }
    group ??= { key, headerOffset: member.headerOffset, members: new Map() };
    if (group.members.has(suffix)) {
      throw dataInvalid(`${file.name}: ${member.name}`, 'the sample has two members of this name');
    }
    group.members.set(suffix, member);
  }
  if (group !== null) yield group;
}

/** Regular files in order. */
export async function* tarMembers(file: OpenDataFile, { from }: { from: number }): AsyncGenerator<TarMember> {
  const read = blockReader(file);
  let position = from;
  let extended: Extension = { start: null, path: null, size: null };
  // A tar file ends with zero blocks; without them it was cut, and samples would be missing silently.
  for (;;) {
    const header = await read(position, BLOCK);
    if (header.every((byte) => byte === 0)) return;
    checkSum(header, file.name, position);
    const headerOffset = extended.start ?? position;
    const size = extended.size ?? fieldNumber(header, 124, 12);
    const offset = position + BLOCK;
    if (!Number.isSafeInteger(size) || size < 0 || offset + size > file.size) {
      const value = `a member at byte ${position} ends at byte ${offset + size} of ${file.size}`;
      throw dataInvalid(file.name, 'the tar file is truncated', { value });
    }
    const type = String.fromCharCode(header[156] as number);
    if (type === 'x' || type === 'L') {
      if (size > MAX_EXTENSION_BYTES)
        throw dataInvalid(file.name, 'an extended tar header is too long', { value: `${size} bytes` });
      extended = extend({ ...extended, start: headerOffset }, type, await read(offset, size));
    } else {
      const name = extended.path ?? headerName(header);
      if (type === '0' || type === '\0') yield { name, headerOffset, offset, size };
      if (type !== 'g') extended = { start: null, path: null, size: null };
    }
    position = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
}

interface Extension {
  readonly start: number | null;
  readonly path: string | null;
  readonly size: number | null;
}

function extend(known: Extension, type: 'x' | 'L', content: Uint8Array): Extension {
  const text = Buffer.from(content);
  if (type === 'L') return { ...known, path: text.toString('utf8').replace(/\0.*$/s, '') };
  const records = new Map<string, string>();
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(0x20, at);
    const length = Number(text.toString('latin1', at, space));
    if (space < 0 || !(length > 0)) break;
    const record = text.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  const size = records.get('size');
  return {
    ...known,
    path: records.get('path') ?? known.path,
    size: size === undefined ? known.size : Number(size),
  };
}

/**
 * Reads through a window, since headers of small members lie close together. The result is valid until the
 * next call.
 */
function blockReader(file: OpenDataFile): (position: number, bytes: number) => Promise<Uint8Array> {
  let window = new Uint8Array(1 << 16);
  let start = 0;
  let filled = 0;
  return async (position, bytes) => {
    if (position < start || position + bytes > start + filled) {
      if (bytes > window.length) window = new Uint8Array(bytes);
      start = position;
      filled = await file.readSome(position, window);
    }
    if (position + bytes > start + filled) {
      throw dataInvalid(file.name, 'the tar file is truncated', { value: `ends at byte ${start + filled}` });
    }
    return window.subarray(position - start, position - start + bytes);
  };
}

function checkSum(header: Uint8Array, file: string, position: number): void {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : (header[i] as number);
  if (sum === fieldNumber(header, 148, 8)) return;
  const what = position === 0 ? 'this is not a tar file' : 'a tar header is damaged';
  throw dataInvalid(file, what, { value: `checksum of the header at byte ${position}` });
}

/** Octal text, or base 256 where the first bit is set (GNU, for large sizes). */
function fieldNumber(header: Uint8Array, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  if (((field[0] as number) & 0x80) === 0)
    return Number.parseInt(Buffer.from(field).toString('latin1').trim() || '0', 8);
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}

function headerName(header: Uint8Array): string {
  const name = fieldText(header, 0, 100);
  const isUstar = fieldText(header, 257, 5) === 'ustar' && header[262] === 0;
  const prefix = isUstar ? fieldText(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function fieldText(header: Uint8Array, at: number, length: number): string {
  return Buffer.from(header.subarray(at, at + length))
    .toString('utf8')
    .replace(/\0.*$/s, '');
}
