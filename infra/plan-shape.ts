// What commands read of a plan.json, so that a damaged one is told by its key as a run.json is.

import { z } from 'zod';
import type { RunManifest } from '#schemas/messages.ts';
import type { DatasetPlan } from '../activities/ports.ts';
import { readJsonIfThere } from './blobs/storage.ts';
import { checkShape } from './manifest-shape.ts';
import type { MetflowPlan } from './metflow/metflow-plan.ts';
import { planPath } from './run-plan.ts';

const count = z.int().min(0);

/** The part about the data set. Where a shard lies in its file is its reader's own. */
const dataset = z.looseObject({
  shards: z.array(
    z.looseObject({
      shardId: count,
      firstSample: count,
      samples: count,
      firstPoint: count,
      points: count,
      batches: count,
      locator: z.looseObject({}),
    }),
  ),
  samples: count,
  points: count,
  sampleShape: z.array(z.int().min(1)),
  labelNames: z.array(z.string()).nullable(),
  classes: count.nullable(),
});

const PLANS = {
  sweep: dataset,
  lens: z.looseObject({ data: dataset.nullable() }),
  metflow: z.looseObject({
    configSha256: z.string(),
    dim: z.int().min(1),
    target: z.looseObject({ name: z.string(), sha256: z.string() }),
    groups: z.int().min(1),
    ends: z.array(count).min(1),
  }),
} as const;

/** The data set of a finished sweep or experiment; null where it has none, or no plan. @throws PipelineError `data-invalid` with key and value. */
export async function readDatasetPlan(
  runDir: string,
  kind: Exclude<RunManifest['kind'], 'metflow'>,
): Promise<DatasetPlan | null> {
  const content = await readChecked(runDir, kind);
  if (content === null || kind === 'sweep') return content as DatasetPlan | null;
  return (content as { readonly data: DatasetPlan | null }).data;
}

/** The plan of a run with chains, or null. @throws PipelineError `data-invalid` with key and value. */
export async function readChainPlan(runDir: string): Promise<MetflowPlan | null> {
  return (await readChecked(runDir, 'metflow')) as MetflowPlan | null;
}

async function readChecked(runDir: string, kind: keyof typeof PLANS): Promise<unknown> {
  const file = planPath(runDir);
  const content = await readJsonIfThere<unknown>(file);
  const shape: z.ZodType<unknown> = PLANS[kind];
  return content === null ? null : checkShape(file, { what: 'plan of a run', shape, content });
}
