// Keeps secrets out of logs, JSON, inspection and error messages: only an explicit reveal() gives them.

import { inspect } from 'node:util';

export interface Sealed<T> {
  reveal(): T;
}

/** Wraps a value that may hold secrets; serialised or printed it reads `[sealed]`. */
export function sealed<T>(value: T): Sealed<T> {
  return Object.freeze({
    reveal: () => value,
    toJSON: () => '[sealed]',
    toString: () => '[sealed]',
    [inspect.custom]: () => '[sealed]',
  });
}
