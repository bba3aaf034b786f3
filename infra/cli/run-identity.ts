// Whether a run folder holds the run that is asked for: the same config, the same model, the same data.

import { existsSync, statSync } from 'node:fs';

import { PipelineError } from '#schemas/errors.ts';
import type { RunManifest } from '#schemas/messages.ts';
import { describeChange, diffConfigs } from '../config/config-diff.ts';
import type { LoadedRun } from '../config/load-config.ts';
import { modelLoader } from '../models/registry.ts';
import { readManifest } from '../run-manifest.ts';

/**
 * Compares a run with what its folder already holds.
 * @returns `done` where the same run has finished there.
 * @throws PipelineError `run-config-mismatch` with every changed key, old → new, or with the file whose
 *   content changed.
 */
export async function checkRunFolder(loaded: LoadedRun): Promise<'done' | 'open'> {
  const { runId, runDir, config, configSha256 } = loaded;
  const manifest = await readManifest(runDir);
  if (manifest === null) return 'open';
  if (manifest.configSha256 !== configSha256) {
    throw mismatch(runId, {
      where: runDir,
      changes: diffConfigs(manifest.config, config).map(describeChange),
    });
  }
  if (manifest.status !== 'done') return 'open';
  const changes = await contentChanges(loaded, manifest);
  if (changes.length > 0) throw mismatch(runId, { where: runDir, changes });
  return 'done';
}

/** The fault of a run id that is taken by another config. */
export function mismatch(
  runId: string,
  { where, changes }: { readonly where: string; readonly changes: readonly string[] },
): PipelineError {
  return new PipelineError({
    kind: 'run-config-mismatch',
    what: `run ${runId} exists with another config`,
    where,
    value: changes.join('; '),
    remedy:
      'Undo the change, or give this one another id with run: or --set run=NAME, or another folder with --out.',
  });
}

/**
 * A retrained model under the old name must not pass for the old run. Data is compared by size: hashing it
 * can take hours.
 */
async function contentChanges({ config }: LoadedRun, manifest: RunManifest): Promise<readonly string[]> {
  const data = (manifest.data?.files ?? []).flatMap(({ file, bytes }) => {
    const now = existsSync(file) ? statSync(file) : null;
    if (now === null || !now.isFile() || now.size === bytes) return [];
    return [`${file}: ${bytes} bytes → ${now.size} bytes`];
  });
  const model = 'model' in config && config.model !== undefined ? config.model : null;
  const was = manifest.model?.sha256;
  if (model === null || was === undefined || !existsSync(model.file)) return data;
  const { file } = model;
  const granularity = config.kind === 'sweep' ? config.codes.granularity : 'image';
  const { sha256 } = await (await modelLoader(file)).inspect(model, { granularity });
  return sha256 === was ? data : [`${file}: sha256 ${was.slice(0, 16)}… → ${sha256.slice(0, 16)}…`, ...data];
}
