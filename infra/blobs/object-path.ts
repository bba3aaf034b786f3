// Paths in object storage: `s3://bucket/key`. Joining and cutting paths folds the two slashes into one, so both are read.

import { join, resolve } from 'node:path';

const SCHEME = /^s3:\/+/;

/** A place in object storage; the key has no slash at either end and is empty for the bucket itself. */
export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

/** Whether a path lies in object storage and not in the file system. */
export function isObjectPath(path: string): boolean {
  return SCHEME.test(path);
}

/** Bucket and key of a path in object storage. */
export function objectPlace(path: string): ObjectPlace {
  const [bucket = '', ...names] = path
    .replace(SCHEME, '')
    .split('/')
    .filter((name) => name !== '');
  return { bucket, key: names.join('/') };
}

/** A path as a user gives it, made absolute from `folder`. @default the working folder */
export function resolvePath(path: string, folder = '.'): string {
  return isObjectPath(path) ? path : resolve(folder, path);
}

/** `join` that keeps `s3://` readable. */
export function joinPath(root: string, ...names: readonly string[]): string {
  const joined = join(root, ...names);
  return isObjectPath(root) ? joined.replace(SCHEME, 's3://') : joined;
}
