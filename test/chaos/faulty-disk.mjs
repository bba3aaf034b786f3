// Preloaded into workers and their threads (NODE_OPTIONS=--import): a disk that is slow, full or lies, below one folder. It sits
// under the file system calls, so that blobs, segments, tables, checkpoints and run.json all meet it alike.
//
// TESSERA_CHAOS_DISK names a file with {"folder", "mode", "share"}: `slow` delays calls, `full` refuses every write, `lying` fails
// calls after half of the bytes, after the work was done, or hands out half a file.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

const control = process.env.TESSERA_CHAOS_DISK;
const CALM = { folder: '', mode: 'calm', share: 0 };
const RULES_KEPT_MS = 100;
const SLOW_MS = 400;

const { existsSync, promises, readFileSync } = fs;
let rules = CALM;
let rulesAtMs = Number.NEGATIVE_INFINITY;

function currentRules() {
  if (performance.now() - rulesAtMs < RULES_KEPT_MS) return rules;
  rulesAtMs = performance.now();
  try {
    rules = existsSync(control) ? JSON.parse(readFileSync(control, 'utf8')) : CALM;
  } catch {
    // Half written just now: the next look will do.
  }
  return rules;
}

function failure(code, call, path) {
  const what = code === 'ENOSPC' ? 'no space left on device' : 'i/o error';
  return Object.assign(new Error(`${code}: ${what}, ${call} '${path}'`), { code, syscall: call, path });
}

/** What this call meets: nothing, a delay, or one of two kinds of failure. */
async function fate(path, { writes }) {
  const { folder, mode, share } = currentRules();
  if (mode === 'calm' || !String(path).startsWith(folder)) return 'works';
  if (mode === 'full') return writes ? 'full' : 'works';
  if (Math.random() >= share) return 'works';
  if (mode === 'slow') await sleep(Math.random() * SLOW_MS);
  if (mode !== 'lying') return 'works';
  return Math.random() < 0.5 ? 'fails' : 'lies';
}

function changed(target, name, { writes, path, lie }) {
  const call = target[name].bind(target);
  target[name] = async (...args) => {
    const at = path(args);
    const outcome = await fate(at, { writes });
    if (outcome === 'works') return call(...args);
    if (outcome === 'full') throw failure('ENOSPC', name, at);
    if (outcome === 'fails') throw failure('EIO', name, at);
    return lie(call, args, at);
  };
}

const doneButDenied = (name) => async (call, args, at) => {
  await call(...args);
  throw failure('EIO', name, at);
};

function patchHandle(handle, at) {
  const path = () => at;
  const half =
    (name) =>
    async (call, [bytes, ...rest]) => {
      await call(bytes.subarray?.(0, bytes.length >> 1) ?? bytes, ...rest);
      throw failure('EIO', name, at);
    };
  changed(handle, 'writeFile', { writes: true, path, lie: half('writeFile') });
  changed(handle, 'write', { writes: true, path, lie: half('write') });
  changed(handle, 'sync', { writes: true, path, lie: doneButDenied('sync') });
  return handle;
}

/** Folders are opened to be synced: they take no writes. */
function patchOpen() {
  const open = promises.open.bind(promises);
  promises.open = async (path, ...rest) => {
    const outcome = await fate(path, { writes: false });
    if (outcome === 'fails' || outcome === 'lies') throw failure('EIO', 'open', path);
    return patchHandle(await open(path, ...rest), String(path));
  };
}

const isWorker = !isMainThread || basename(process.argv[1] ?? '') === 'worker.mjs';
if (control !== undefined && isWorker) {
  patchOpen();
  const first = ([path]) => String(path);
  changed(promises, 'rename', { writes: true, path: first, lie: doneButDenied('rename') });
  changed(promises, 'readdir', { writes: false, path: first, lie: doneButDenied('readdir') });
  changed(promises, 'readFile', {
    writes: false,
    path: first,
    lie: async (call, args) => {
      const whole = await call(...args);
      return whole.slice(0, whole.length >> 1);
    },
  });
  syncBuiltinESMExports();
}
