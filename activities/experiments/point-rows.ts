// The points table: the samples that an experiment used, with one model's answer to each.

import { LENS_POINTS_TABLE } from '#schemas/columns/lens/points.ts';
import { predictions } from '../polytope/predictions.ts';
import type { Chunk, SampleBatch, Samples, TableRows } from './experiment.ts';
import { type Network, variantName } from './network.ts';

/** Samples of one forward pass and chunk. */
const CHUNK_POINTS = 256;

/**
 * Rows of points in chunks; none of them counts as a unit of work.
 * @param points - numbers of the samples, ascending.
 */
export async function* pointChunks(
  points: readonly number[],
  { samples, network }: { readonly samples: Samples; readonly network: Network },
): AsyncGenerator<Chunk> {
  for (let from = 0; from < points.length; from += CHUNK_POINTS) {
    const numbers = points.slice(from, from + CHUNK_POINTS);
    const batch = await samples.read(numbers);
    yield { units: 0, rows: [await pointRows(numbers, batch, { samples, network })] };
  }
}

async function pointRows(
  numbers: readonly number[],
  { input, labels, sourceIds }: SampleBatch,
  { samples: { labelNames }, network }: { readonly samples: Samples; readonly network: Network },
): Promise<TableRows> {
  const rows = numbers.length;
  const answers = await answersOf(network, input, rows);
  const classes = labels === null ? null : Array.from(labels, (label) => (label < 0 ? null : label));
  return {
    table: LENS_POINTS_TABLE.name,
    rows,
    columns: {
      model: new Array<string>(rows).fill(variantName(network.variant)),
      point_id: Int32Array.from(numbers),
      source_id: sourceIds,
      label: classes ?? nulls(rows),
      label_name:
        classes?.map((label) => (label === null ? null : (labelNames?.[label] ?? null))) ?? nulls(rows),
      pred_class: answers?.classes ?? nulls(rows),
      pred_prob: answers?.probabilities ?? nulls(rows),
      norm_start: norms(input.data, rows),
    },
  };
}

async function answersOf(network: Network, input: SampleBatch['input'], rows: number) {
  const { logits, classes } = network;
  if (logits === null || classes === null) return null;
  const data = (await network.forward(input, { to: [logits] })).get(logits)!;
  const points = {
    points: rows,
    sample: Int32Array.from({ length: rows }, (_, i) => i),
    cell: new Int32Array(rows),
  };
  return predictions({ logits: { data, classes } }, points, 1);
}

function norms(data: ArrayLike<number | bigint>, rows: number): Float32Array {
  const size = data.length / rows;
  return Float32Array.from({ length: rows }, (_, row) => {
    let squares = 0;
    for (let i = row * size; i < (row + 1) * size; i++) squares += Number(data[i]) ** 2;
    return Math.sqrt(squares);
  });
}

function nulls(rows: number): null[] {
  return new Array<null>(rows).fill(null);
}
