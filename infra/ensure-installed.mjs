// Installs the locked dependencies when they are missing or older than package-lock.json. First step of `npm
// run demo` and `npm test`, so it is plain JavaScript that needs nothing but Node and npm.

import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** A lock older than this belongs to an install that was killed. */
const STALE_MS = 15 * 60_000;

/**
 * Makes `node_modules` match `package-lock.json`.
 * @param {{ root?: string, install?: (root: string) => Promise<number>, note?: (line: string) => void }}
 *   [options]
 * @returns {Promise<'present' | 'installed'>}
 */
export async function ensureInstalled({ root = ROOT, install = npmInstall, note = tell } = {}) {
  if (isInstalled(root)) return 'present';
  mkdirSync(join(root, '.tessera'), { recursive: true });
  const release = await lock(join(root, '.tessera', 'install.lock'), note);
  try {
    if (isInstalled(root)) return 'present';
    const startedMs = Date.now();
    note('installing the locked dependencies (npm install, once; about a minute)');
    const exitCode = await install(root);
    if (exitCode !== 0)
      throw new Error(`npm install failed with exit code ${exitCode}; its message is above`);
    writeFileSync(stampFile(root), lockHash(root));
    note(`dependencies installed in ${Math.round((Date.now() - startedMs) / 1000)} s`);
    return 'installed';
  } finally {
    release();
  }
}

/**
 * Whether what is installed is what the lock file names; an install by hand counts too, and is stamped
 * then.
 */
function isInstalled(root) {
  const stamp = stampFile(root);
  const hash = lockHash(root);
  if (existsSync(stamp)) return readFileSync(stamp, 'utf8') === hash;
  if (!matchesLock(root)) return false;
  writeFileSync(stamp, hash);
  return true;
}

/** npm notes what it installed in a lock file of its own; packages for other platforms are missing there. */
function matchesLock(root) {
  const noted = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(noted)) return false;
  const installed = JSON.parse(readFileSync(noted, 'utf8')).packages;
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(locked).every(([path, { version, optional, devOptional }]) => {
    if (path === '' || optional || devOptional) return true;
    return installed[path]?.version === version;
  });
}

function stampFile(root) {
  return join(root, 'node_modules', '.tessera-lock');
}

/** Native packages differ by platform, so a folder shared between machines is installed anew. */
function lockHash(root) {
  const platform = `${process.platform} ${process.arch}\n`;
  return createHash('sha256')
    .update(platform)
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** One installer at a time: whoever comes second waits for the first. */
async function lock(file, note) {
  for (let told = false; ; told = true) {
    try {
      const handle = openSync(file, 'wx');
      writeFileSync(handle, String(process.pid));
      closeSync(handle);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isAbandoned(file)) rmSync(file, { force: true });
    else if (!told) note('another command is installing the dependencies; waiting for it');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

function isAbandoned(file) {
  try {
    if (Date.now() - statSync(file).mtimeMs > STALE_MS) return true;
    const pid = Number(readFileSync(file, 'utf8'));
    // An empty file is a lock that is being written.
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/**
 * ONNX Runtime's CPU library ships in its package; without SKIP its script would also try to download
 * CUDA's.
 */
function npmInstall(root) {
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  // Not `npm ci`: it wants every platform's optional packages in the lock file, which not every registry carries.
  const child = spawn('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    env,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

function tell(line) {
  process.stderr.write(`${line}\n`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await ensureInstalled();
  } catch (error) {
    tell(`error: ${error.message}`);
    process.exit(4);
  }
}
