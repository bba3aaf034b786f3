// Rows of the region_geometry table: the regions of every tap that a sample of the data visits.

import { REGION_GEOMETRY_TABLE } from '#schemas/columns/lens/complexity.ts';
import { digestRows, spanSeed } from '../polytope/digest.ts';
import { type RegionGeometry, regionGeometry } from '../polytope/region-geometry.ts';
import type { Chunk, MeasureContext } from './experiment.ts';
import { type Network, variantName } from './network.ts';
import { firstLayerNorms } from './first-layer-norms.ts';
import { RowCollector } from './row-collector.ts';

/** Centroids of wider taps would be most of the table. */
const WIDEST_CENTROID = 4096;
const ROWS_PER_CHUNK = 20_000;
const SAMPLES_PER_READ = 500;

/** Regions of one model, tap by tap; the last chunk makes the unit done. */
export async function* regionChunks(
  network: Network,
  numbers: readonly number[],
  { samples, signal }: Pick<MeasureContext<unknown, unknown>, 'samples' | 'signal'>,
): AsyncIterable<Chunk> {
  for (const [layer, tap] of network.taps.entries()) {
    const { codeBits: units, name } = tap;
    const wanted = [name, network.activations[layer]!];
    const pre = new Float32Array(numbers.length * units);
    const activations = new Float32Array(numbers.length * units);
    const labels = new Int32Array(numbers.length).fill(-1);
    for (let from = 0; from < numbers.length; from += SAMPLES_PER_READ) {
      signal.throwIfAborted();
      const batch = await samples!.read(numbers.slice(from, from + SAMPLES_PER_READ));
      const values = await network.forward(batch.input, { to: wanted });
      pre.set(values.get(name)!, from * units);
      activations.set(values.get(wanted[1]!)!, from * units);
      if (batch.labels !== null) labels.set(batch.labels, from);
    }
    const rowNorms = layer === 0 ? await firstLayerNorms(network) : null;
    const regions = regionGeometry({ rows: numbers.length, pre, activations, units, labels, rowNorms });
    const isLast = layer + 1 === network.taps.length;
    for (let from = 0; from < regions.length; from += ROWS_PER_CHUNK) {
      const rows = new RowCollector(REGION_GEOMETRY_TABLE);
      for (const region of regions.slice(from, from + ROWS_PER_CHUNK))
        rows.add(rowOf(region, { model: variantName(network.variant), layer, span: name, numbers }));
      const isDone = isLast && from + ROWS_PER_CHUNK >= regions.length;
      yield { units: isDone ? 1 : 0, rows: [rows.take()] };
    }
  }
}

function rowOf(
  { words, members, centroid, varianceMean, neighbours, ...spread }: RegionGeometry,
  { model, layer, span, numbers }: { model: string; layer: number; span: string; numbers: readonly number[] },
) {
  const digest = new Uint32Array(4);
  digestRows(words, { rows: 1, wordsPerRow: words.length, seed: spanSeed(span), out: digest });
  return {
    model,
    layer_id: layer,
    digest: new Uint8Array(digest.buffer),
    count: members.length,
    first_point_id: numbers[members[0]!]!,
    class_ids: Int32Array.from(spread.classes.keys()),
    class_counts: Int32Array.from(spread.classes.values()),
    entropy_bits: spread.entropyBits,
    purity: spread.purity,
    centroid: centroid.length > WIDEST_CENTROID ? null : centroid,
    var_mean: varianceMean,
    n_neighbors_h1: neighbours,
    boundary_distance: spread.boundaryDistance,
  };
}
