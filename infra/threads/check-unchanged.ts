// A run that goes on must go on with the model and the data that it began with: codes of two models in one table would not show.

import { stat } from 'node:fs/promises';
import { PipelineError } from '#schemas/errors.ts';
import type { ModelLoader } from '../../activities/ports.ts';
import { identifyFile } from '../datasets/data-file.ts';
import { modelLoader } from '../models/registry.ts';
import { readManifest } from '../run-manifest.ts';
import type { TaskContext } from './task-context.ts';

interface Planned {
  readonly model: { readonly sha256: string } | null;
  readonly data: { readonly files: readonly { readonly file: string; readonly sha256: string }[] } | null;
}

/**
 * Compares what a plan was made of with what lies there now. The model is read; of the data only files that were written after the
 * plan: hashing all of them can take hours. (Sizes are looked at whenever a file is opened.)
 * @param options.model - the config's; null where there is none.
 * @throws PipelineError `run-config-mismatch` naming the file.
 */
export async function checkUnchanged(
  runDir: string,
  plan: Planned,
  {
    model,
    signal,
    progress,
  }: Pick<TaskContext, 'signal' | 'progress'> & {
    readonly model: Parameters<ModelLoader['inspect']>[0] | null;
  },
): Promise<void> {
  if (model !== null && plan.model !== null) {
    const loader = await modelLoader(model.file);
    const { sha256 } = await loader.inspect(model, { granularity: 'image' });
    if (sha256 !== plan.model.sha256) throw changed(model.file, plan.model.sha256, sha256);
  }
  const begun = Date.parse((await readManifest(runDir))?.createdAt ?? '');
  for (const { file, sha256: before } of plan.data?.files ?? []) {
    const found = await stat(file).catch(() => null);
    if (found === null || !found.isFile() || found.mtimeMs <= begun) continue;
    const { sha256 } = await identifyFile(file, { signal, onProgress: progress });
    if (sha256 !== before) throw changed(file, before, sha256);
  }
}

function changed(file: string, before: string, now: string): PipelineError {
  return new PipelineError({
    kind: 'run-config-mismatch',
    where: file,
    what: 'it has changed since the run began',
    value: `SHA-256 ${now.slice(0, 12)}, expected ${before.slice(0, 12)}`,
    remedy: 'Put it back as it was, or give the run another id: run: or --set run=NAME.',
  });
}
