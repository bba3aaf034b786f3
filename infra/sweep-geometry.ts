// Sizes that follow from a sweep's config: planning and encoding must agree on them.

import type { SweepConfig } from '#schemas/config.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { GridInfo, ShardSpec, SpanInfo, TapInfo } from '#schemas/sweep.ts';

/** True where one row is one token. */
export function isText(config: SweepConfig): boolean {
  return config.dataset.tokenizer !== undefined;
}

/**
 * Most code rows of one batch relative to `stream.batchRows`, where an image makes many: one image alone would leave the
 * cores idle, a thousand would make messages that no broker takes.
 */
const POSITIONS_PER_BATCH_ROW = 16;

/** Rows per batch as the data set counts them: images, or tokens. */
export function readerBatchRows(config: SweepConfig, grids: readonly GridInfo[]): number {
  const { batchRows } = config.stream;
  if (isText(config) || config.codes.granularity === 'image') return batchRows;
  const perSample = grids.reduce((sum, grid) => sum + grid.height * grid.width, 0);
  const most = Math.floor((batchRows * POSITIONS_PER_BATCH_ROW) / Math.max(1, perSample));
  return Math.max(1, Math.min(batchRows, most));
}

/** Samples of every model call: images, or whole sequences. */
export function batchSamples(config: SweepConfig, batchRows: number): number {
  return isText(config) ? Math.max(1, Math.floor(batchRows / config.dataset.contextTokens)) : batchRows;
}

/** Threads of one session: many one-thread sessions beat few wide ones, and fixed threads keep float32 results fixed. */
export function threadsPerSession({ model }: SweepConfig): number {
  return model.threads === 0 ? 1 : model.threads;
}

/** Bytes of a code of the span as messages and tables hold it: none where they hold its digest only. */
export function storedCodeBytes({
  digestOnly,
  codeBytes,
}: Pick<SpanInfo, 'digestOnly' | 'codeBytes'>): number {
  return digestOnly ? 0 : codeBytes;
}

/** Groups taps by the grid their codes lie on: one cell for whole images and tokens, height x width for positions. */
export function gridsOf(taps: readonly TapInfo[], config: SweepConfig): GridInfo[] {
  const byPosition = config.codes.granularity === 'position' && !isText(config);
  const grids = new Map<string, { height: number; width: number; taps: number[] }>();
  taps.forEach((tap, index) => {
    const [height, width] = byPosition ? [tap.height, tap.width] : [1, 1];
    const grid = grids.get(`${height}x${width}`) ?? { height, width, taps: [] };
    grid.taps.push(index);
    grids.set(`${height}x${width}`, grid);
  });
  return [...grids.values()];
}

/** Largest `point_id` of the tables, which is a 32-bit number. */
const LAST_POINT_ID = 2 ** 31 - 1;

/**
 * The number of points of all shards.
 * @throws PipelineError `config-invalid` where the tables could not number them.
 */
export function countPoints(shards: readonly Pick<ShardSpec, 'firstPoint' | 'points'>[]): number {
  const last = shards.reduce((most, { firstPoint, points }) => Math.max(most, firstPoint + points - 1), 0);
  if (last <= LAST_POINT_ID) return shards.reduce((sum, { points }) => sum + points, 0);
  throw new PipelineError({
    kind: 'config-invalid',
    where: 'dataset.rows',
    what: 'the run has more points than point_id can number',
    value: `the last would be ${last}, and ${LAST_POINT_ID} is the largest`,
    remedy: 'Cut the data into files, and sweep each in a run of its own',
  });
}

/**
 * The spans the config asks for: one per tap, and `network` over all taps where they share a grid.
 * @throws PipelineError `config-invalid` where a tap is called `network`: nothing would tell the two apart.
 */
export function spansOf(
  taps: readonly TapInfo[],
  grids: readonly GridInfo[],
  config: SweepConfig,
): SpanInfo[] {
  const { spans, wideSpanBytes } = config.codes;
  const bytesOf = (tap: TapInfo) => ((tap.codeBits + 31) >>> 5) * 4;
  const made: Omit<SpanInfo, 'digestOnly'>[] = [];
  if (spans.includes('layer')) {
    taps.forEach((tap, index) => {
      made.push({ name: tap.name, taps: [index], codeBytes: bytesOf(tap) });
    });
  }
  if (spans.includes('network') && grids.length === 1) {
    if (made.some(({ name }) => name === 'network')) throw namedNetwork();
    const codeBytes = taps.reduce((sum, tap) => sum + bytesOf(tap), 0);
    made.push({ name: 'network', taps: taps.map((_, index) => index), codeBytes });
  }
  return made.map((span) => ({ ...span, digestOnly: span.codeBytes > wideSpanBytes }));
}

function namedNetwork(): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    where: 'codes.spans',
    what: 'a tap of the model is called network, as the code of all taps is',
    remedy: 'Choose codes.spans: [layer], choose other taps, or rename the tensor',
  });
}
