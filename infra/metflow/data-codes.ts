// How often data lie in each region: coded here, or as a finished sweep of the same model counted them.

import type { DatasetConfig } from '#schemas/config.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ModelRecord } from '#schemas/messages.ts';
import type { RegionsConfig } from '#schemas/metflow-config.ts';
import { type CodeCounts, digestKey } from '../../activities/metflow/chains/coded-draws.ts';
import { keptSamples } from '../../activities/polytope/kept-samples.ts';
import { openDataset } from '../datasets/open.ts';
import { readRunTable } from '../lens/read-table.ts';
import { checkRecordedConfig } from '../manifest-shape.ts';
import { readManifest } from '../run-manifest.ts';
import { CODED_ROWS, type DrawCoder } from './draw-codes.ts';

/** Code counts by span name. */
export type SpanCounts = ReadonlyMap<string, CodeCounts>;

/**
 * Counts the codes of a data set in a model.
 * @param options.most - batches to read at most. @default all
 * @throws PipelineError as reading the data does, and `config-invalid` for text.
 */
export async function countDataset(
  coder: DrawCoder,
  config: DatasetConfig,
  { signal, most = Number.POSITIVE_INFINITY }: { readonly signal: AbortSignal; readonly most?: number },
): Promise<SpanCounts> {
  if (config.tokenizer !== undefined)
    throw new PipelineError({
      kind: 'config-invalid',
      where: 'regions.dataset',
      what: 'draws are single inputs, texts are not',
      value: config.format,
    });
  const reader = await openDataset(config);
  try {
    const plan = await reader.plan({ batchRows: CODED_ROWS, signal });
    const counts = coder.spans.map(() => new Map<string, number>());
    let points = 0;
    let batches = 0;
    for (const shard of plan.shards) {
      if (batches >= most) break;
      for await (const whole of reader.read(shard, { plan, batchRows: CODED_ROWS, fromBatch: 0, signal })) {
        signal.throwIfAborted();
        if (batches++ >= most) break;
        const { batch } = keptSamples(whole);
        if (batch.samples === 0) continue;
        const { digests } = await coder.codesOfInputs(batch.input);
        points += batch.samples;
        for (const [span, of] of digests.entries())
          for (let row = 0; row < batch.samples; row++) countKey(counts[span]!, digestKey(of, row), 1);
      }
    }
    return new Map(coder.spans.map(({ name }, span) => [name, { points, counts: counts[span]! }]));
  } finally {
    await reader.close();
  }
}

/**
 * Counts of a finished sweep.
 * @throws PipelineError `data-missing` where there is none, `data-invalid` where it is one of another model or of
 * positions.
 */
export async function countsOfSweep(runDir: string, model: Pick<ModelRecord, 'sha256'>): Promise<SpanCounts> {
  const table = await readRunTable(runDir, 'regions', ['span', 'digest', 'count']);
  await checkSweep(runDir, model);
  const spans = new Map<string, { points: number; counts: Map<string, number> }>();
  for (let row = 0; row < table.rows; row++) {
    const span = table.columns.span![row] as string;
    const count = table.columns.count![row] as number;
    const found = spans.get(span) ?? { points: 0, counts: new Map<string, number>() };
    spans.set(span, found);
    countKey(found.counts, digestKey(table.columns.digest![row] as Uint8Array, 0), count);
    found.points += count;
  }
  return spans;
}

/**
 * Fails where counting would: told before anything runs, and not behind the last draw.
 * @throws PipelineError as {@link countDataset} and {@link countsOfSweep} do.
 */
export async function checkRegionData(
  { sweep, dataset }: RegionsConfig,
  { model, coder, signal }: { model: ModelRecord; coder: DrawCoder; signal: AbortSignal },
): Promise<void> {
  if (sweep !== undefined) {
    await readRunTable(sweep, 'regions', []);
    await checkSweep(sweep, model);
  }
  if (dataset !== undefined) await countDataset(coder, dataset, { signal, most: 1 });
}

async function checkSweep(runDir: string, { sha256 }: Pick<ModelRecord, 'sha256'>): Promise<void> {
  const manifest = await readManifest(runDir);
  if (manifest !== null) checkRecordedConfig(runDir, manifest);
  const config = manifest?.config;
  const whole = config?.kind === 'sweep' && config.codes.granularity === 'image';
  const plain = config?.kind === 'sweep' && config.model.control === 'none';
  if (whole && plain && manifest?.model?.sha256 === sha256) return;
  throw new PipelineError({
    kind: 'data-invalid',
    where: 'regions.sweep',
    what: 'masses are compared with a sweep of the same model, as it is, by image',
    value: `${runDir}: model ${manifest?.model?.sha256.slice(0, 12) ?? 'none'}, expected ${sha256.slice(0, 12)}`,
    remedy: 'Give a sweep of model.file, or a dataset instead.',
  });
}

function countKey(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
