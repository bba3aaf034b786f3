// Headers of IDX and npy files: element type, shape and where the data begins.

import type { OpenDataFile } from './data-file.ts';
import type { Dtype } from './dtypes.ts';
import { DTYPES } from './dtypes.ts';
import { dataInvalid } from './faults.ts';

export interface ArrayHeader {
  readonly dtype: Dtype;
  /** True where the file's byte order is not little-endian. */
  readonly swap: boolean;
  readonly shape: readonly number[];
  /** First byte of the data. */
  readonly dataOffset: number;
}

const IDX_DTYPES: Readonly<Record<number, Dtype>> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
};

const NPY_DTYPES: Readonly<Record<string, Dtype>> = {
  b1: 'uint8',
  u1: 'uint8',
  i1: 'int8',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

/** A header longer than this is not a header: numpy's own limit for literal_eval is 10,000. */
const NPY_MAX_HEADER = 1 << 20;

/**
 * Reads and checks the header of an array file, and that the file holds exactly as much data as it says.
 * @throws PipelineError `data-invalid` naming the file: wrong magic, unknown element type, truncated or
 * overlong.
 * @see http://yann.lecun.com/exdb/mnist (IDX); numpy/lib/format.py (npy 1.0 to 3.0).
 */
export async function readArrayHeader(
  file: OpenDataFile,
  { format }: { format: 'idx' | 'npy' },
): Promise<ArrayHeader> {
  const header = format === 'idx' ? await readIdxHeader(file) : await readNpyHeader(file);
  const expected = header.dataOffset + elementsOf(header.shape) * DTYPES[header.dtype].bytes;
  if (file.size !== expected) {
    const what = file.size < expected ? 'the file is truncated' : 'the file is longer than its header says';
    const value = `${file.size} bytes, the header says ${expected} for ${header.dtype} [${header.shape}]`;
    throw dataInvalid(file.name, what, { value });
  }
  return header;
}

/** Number of elements of a shape. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

async function readIdxHeader(file: OpenDataFile): Promise<ArrayHeader> {
  const magic = await head(file, 4, 'IDX');
  const [zero0, zero1, code, rank] = magic as unknown as [number, number, number, number];
  const dtype = IDX_DTYPES[code];
  if (zero0 !== 0 || zero1 !== 0 || dtype === undefined || rank === 0) {
    throw dataInvalid(file.name, 'this is not an IDX file: wrong magic number', {
      value: `0x${Buffer.from(magic).toString('hex')}`,
      remedy: 'IDX files start with 00 00, an element type from 08 to 0e, and the number of dimensions',
    });
  }
  const sizes = Buffer.from(await head(file, 4 + 4 * rank, 'IDX'));
  const shape = Array.from({ length: rank }, (_, axis) => sizes.readUInt32BE(4 + 4 * axis));
  return { dtype, swap: true, shape, dataOffset: 4 + 4 * rank };
}

async function readNpyHeader(file: OpenDataFile): Promise<ArrayHeader> {
  const magic = Buffer.from(await head(file, 8, 'npy'));
  const major = magic[6] as number;
  if (magic.toString('latin1', 0, 6) !== '\x93NUMPY' || major < 1 || major > 3) {
    const value = `0x${magic.toString('hex')}`;
    throw dataInvalid(file.name, 'this is not an npy file: wrong magic number or version', { value });
  }
  const start = major === 1 ? 10 : 12;
  const prefix = Buffer.from(await head(file, start, 'npy'));
  const length = major === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8);
  if (length > NPY_MAX_HEADER)
    throw dataInvalid(file.name, 'the npy header is too long', { value: `${length} bytes` });
  const bytes = Buffer.from(await head(file, start + length, 'npy'));
  const text = bytes.toString(major === 3 ? 'utf8' : 'latin1', start);
  return { ...parseNpyDictionary(text, file.name), dataOffset: start + length };
}

/** The header is a Python dict literal with exactly these three keys; numpy writes it in this form. */
function parseNpyDictionary(text: string, name: string): Omit<ArrayHeader, 'dataOffset'> {
  const descr = /'descr':\s*'([<>|=])([a-zA-Z])(\d+)'/.exec(text);
  const order = /'fortran_order':\s*(True|False)/.exec(text);
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(text)?.[1];
  const dtype = descr === null ? undefined : NPY_DTYPES[`${descr[2]}${descr[3]}`];
  if (dtype === undefined) {
    const value = /'descr':\s*([^,]*)/.exec(text)?.[1] ?? text.trim().slice(0, 80);
    const remedy = `Save the array as one of ${Object.keys(DTYPES).join(', ')} or bool`;
    throw dataInvalid(name, 'the element type cannot be read', { value, remedy });
  }
  const sizes =
    shapeText
      ?.split(',')
      .map((size) => size.trim())
      .filter((size) => size !== '') ?? [];
  if (order === null || shapeText === undefined || !sizes.every((size) => /^\d+$/.test(size))) {
    throw dataInvalid(name, 'the npy header cannot be read', { value: text.trim().slice(0, 120) });
  }
  if (order[1] === 'True' && sizes.length > 1) {
    throw dataInvalid(name, 'the array is in Fortran order', { remedy: 'Save numpy.ascontiguousarray(a)' });
  }
  if (sizes.length === 0) throw dataInvalid(name, 'the array has no rows: its shape is ()');
  return { dtype, swap: descr?.[1] === '>' && DTYPES[dtype].bytes > 1, shape: sizes.map(Number) };
}

async function head(file: OpenDataFile, bytes: number, format: string): Promise<Uint8Array> {
  if (file.size < bytes) {
    throw dataInvalid(file.name, `the file is truncated: it ends within the ${format} header`, {
      value: `${file.size} bytes`,
    });
  }
  const target = new Uint8Array(bytes);
  await file.readAt(0, target);
  return target;
}
