// run.json: what happened, with the wall-clock facts that would break byte identity inside Parquet.

import { readFileSync } from 'node:fs';
import { PipelineError, type PipelineFault } from '#schemas/errors.ts';
import type { DataRecord, ModelRecord, RunManifest, SourceFile } from '#schemas/messages.ts';
import { readParsedIfThere, writeWhole } from './blobs/storage.ts';
import { manifestOf, manifestPath } from './manifest-shape.ts';

const PACKAGE = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
};

export const CODE_VERSION = PACKAGE.version;
const RECORDED = [
  'onnxruntime-node',
  '@tensorflow/tfjs',
  '@temporalio/worker',
  'kafkajs',
  '@duckdb/node-api',
  'parquet-wasm',
];

export interface ManifestUpdate {
  readonly status: RunManifest['status'];
  readonly rows?: Readonly<Record<string, number>>;
  readonly restarts?: number;
  readonly seconds?: number;
  readonly skippedShards?: readonly { readonly file: string; readonly why: string }[];
  readonly fault?: PipelineFault;
  readonly claims?: NonNullable<RunManifest['claims']>;
  readonly chains?: NonNullable<RunManifest['chains']>;
  readonly summary?: NonNullable<RunManifest['summary']>;
  readonly nets?: readonly SourceFile[];
  /** Added to the plan's. */
  readonly notices?: readonly string[];
}

/** What a plan of either kind says about its run. */
export interface PlannedRun extends Pick<RunManifest, 'runId' | 'config' | 'configSha256' | 'notices'> {
  readonly model: ModelRecord | null;
  readonly data: DataRecord | null;
  readonly files?: readonly SourceFile[];
  readonly skipped?: RunManifest['skipped'];
}

/** Writes run.json; the time of creation is kept from the file that is there. */
export async function writeManifest(
  runDir: string,
  plan: PlannedRun,
  { skippedShards = [], notices = [], ...update }: ManifestUpdate,
): Promise<void> {
  const before = await readManifest(runDir);
  const now = new Date().toISOString();
  const manifest: RunManifest = {
    runId: plan.runId,
    kind: plan.config.kind,
    config: plan.config,
    configSha256: plan.configSha256,
    model: plan.model === null ? null : modelRecord(plan.model),
    data: plan.data === null ? null : { sha256: plan.data.sha256, files: plan.data.files },
    ...(plan.files === undefined ? {} : { files: plan.files }),
    versions: versions(),
    createdAt: before?.createdAt ?? now,
    ...(update.status === 'running' ? {} : { finishedAt: now }),
    skipped: [...(plan.skipped ?? []), ...skippedShards],
    notices: [...plan.notices, ...notices],
    ...update,
  };
  await writeWhole(manifestPath(runDir), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
}

/**
 * Reads `<runDir>/run.json`.
 * @returns null where there is none.
 * @throws PipelineError `data-invalid` where it is not a manifest, with the key that is wrong.
 */
export async function readManifest(runDir: string): Promise<RunManifest | null> {
  const file = manifestPath(runDir);
  return readParsedIfThere(file, (bytes) => {
    let content: unknown;
    try {
      content = JSON.parse(bytes.toString());
    } catch (error) {
      const value = error instanceof Error ? error.message : String(error);
      const remedy = 'Move the folder away, or give the run another id or --out folder.';
      const what = 'this is no run manifest: it holds no JSON';
      throw new PipelineError({ kind: 'data-invalid', what, where: file, value, remedy });
    }
    return manifestOf(file, content);
  });
}

/** Marks a run that ended without a commit; without a plan there is nothing to mark. */
export async function markEnded(
  runDir: string,
  status: 'failed' | 'cancelled',
  fault: PipelineFault | null,
): Promise<void> {
  const before = await readManifest(runDir);
  if (before === null || before.status === 'done') return;
  const manifest: RunManifest = {
    ...before,
    status,
    finishedAt: new Date().toISOString(),
    ...(fault === null ? {} : { fault }),
  };
  await writeWhole(manifestPath(runDir), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
}

function modelRecord({ file, sha256, backend, packing }: ModelRecord): ModelRecord {
  return { file, sha256, backend, packing };
}

function versions(): Record<string, string> {
  const used = RECORDED.map((name) => [name, PACKAGE.dependencies[name] ?? 'absent'] as const);
  return { tessera: CODE_VERSION, node: process.versions.node, ...Object.fromEntries(used) };
}
