// A segment's draws as messages of the run's log. The kind says which draws and how many messages: `draws:<from>:<to>:<n>`;
// the shard is the group of chains, the batch the message's number.

import { DRAW_COLUMNS } from '#schemas/columns/metflow/draws.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { DrawRows } from '../../activities/metflow/chains/draw-recorder.ts';
import type { CodeMessage } from '../../activities/ports.ts';
import { encodeBlock } from '../arrow/arrow-columns.ts';
import { type ColumnBlock, type ColumnData, joinSlices } from '../arrow/column-block.ts';
import { bitColumns } from '../lens/row-messages.ts';
import type { DrawPart } from './draw-parts.ts';
import { type MetflowPlan, partitionOfGroup } from './metflow-plan.ts';

/** Numbers of one message: a few megabytes. */
const MESSAGE_NUMBERS = 2 ** 19;
const BITS = bitColumns({ columns: DRAW_COLUMNS });
const DIGEST_BYTES = 16;

/** Draws of a segment as a block in row order: by chain, then draw. */
export function drawBlock(draws: DrawRows, digests: Uint8Array | null): ColumnBlock {
  const { numbers, from, to, dim } = draws;
  const rows = numbers.length * (to - from);
  const each = to - from;
  const plain = { offsets: null, validity: null };
  const bits = new Uint8Array((rows + 7) >> 3);
  for (let row = 0; row < rows; row++) bits[row >> 3]! |= draws.accepted[row]! << (row & 7);
  const columns = new Map<string, ColumnData>([
    [
      'chain',
      { ...plain, values: Int32Array.from({ length: rows }, (_, row) => numbers[Math.floor(row / each)]!) },
    ],
    [
      'draw',
      { ...plain, values: BigInt64Array.from({ length: rows }, (_, row) => BigInt(from + (row % each))) },
    ],
    [
      'z',
      { ...plain, values: draws.z, offsets: Int32Array.from({ length: rows + 1 }, (_, row) => row * dim) },
    ],
    ['log_density', { ...plain, values: draws.logDensity }],
    ['kernel', { ...plain, values: draws.kernel, dictionary: draws.kernels }],
    ['accepted', { ...plain, values: bits }],
    ['direction', { ...plain, values: draws.direction }],
    ['jump', { ...plain, values: draws.jump }],
    [
      'digest',
      digests === null
        ? {
            values: new Uint8Array(rows * DIGEST_BYTES),
            offsets: null,
            validity: new Uint8Array((rows + 7) >> 3),
          }
        : { ...plain, values: digests },
    ],
  ]);
  return { rows, columns };
}

/** Messages of a segment; the same draws give the same messages. */
export function drawMessages(plan: MetflowPlan, part: DrawPart, block: ColumnBlock): CodeMessage[] {
  const messageRows = Math.max(1, Math.floor(MESSAGE_NUMBERS / (plan.dim + 4)));
  const count = Math.ceil(block.rows / messageRows);
  const kind = `draws:${part.from}:${part.to}:${count}`;
  return Array.from({ length: count }, (_, batch) => {
    const from = batch * messageRows;
    const to = Math.min(block.rows, from + messageRows);
    const value = encodeBlock(joinSlices([{ block, from, to }], BITS), DRAW_COLUMNS);
    return {
      partition: partitionOfGroup(plan, part.group),
      key: String(part.group),
      value,
      headers: { kind, run: plan.runId, shard: part.group, batch },
    };
  });
}

/** The part that a message belongs to, and how many messages it has. @throws PipelineError `internal` for another kind. */
export function partOfMessage({
  kind,
  shard,
}: CodeMessage['headers']): DrawPart & { readonly messages: number } {
  const [name, from, to, messages] = kind.split(':');
  if (name === 'draws' && messages !== undefined)
    return { group: shard, from: Number(from), to: Number(to), messages: Number(messages) };
  throw new PipelineError({
    kind: 'internal',
    what: 'a message on the log of draws has another kind',
    value: kind,
  });
}
