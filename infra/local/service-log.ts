// What the log of a local service says of its end.

import { readFile } from 'node:fs/promises';
import { sizeOf } from './processes.ts';

const TAKEN = /address already in use/i;
const STACK_FRAME = /^\s+(at |\.\.\. \d+ more)/;

/** The last line of a log, of a Java exception its innermost cause; null where there is none. */
export async function reasonIn(log: string): Promise<string | null> {
  const lines = (await bytesOf(log)).toString().trimEnd().split('\n');
  return lines.findLast((line) => !STACK_FRAME.test(line))?.slice(0, 300) || null;
}

/** Looks from now on for words that another process has the port of a service that is about to start. */
export function watchForTakenPort(log: string): () => Promise<boolean> {
  const before = sizeOf(log);
  return async () => {
    const bytes = await bytesOf(log);
    // A log that has grown too large was begun anew.
    return TAKEN.test(bytes.subarray(bytes.length < before ? 0 : before).toString());
  };
}

function bytesOf(log: string): Promise<Buffer> {
  return readFile(log).catch(() => Buffer.alloc(0));
}
