// E5: the exact partition of planes: polygons of one affine map each, their classes, and the decision boundary.

import { SLICE_REGIONS_TABLE } from '#schemas/columns/lens/slice-regions.ts';
import { SLICE_EDGES_TABLE, SLICE_POLYGONS_TABLE, SLICES_TABLE } from '#schemas/columns/lens/slices.ts';
import { partitionSlice } from '../polytope/slice-partition.ts';
import { planeAlongAxes, planeThroughRows, type SlicePlane } from '../polytope/slice-plane.ts';
import { CountedTaps } from './counted-taps.ts';
import type { Chunk, Experiment, LensTask, MeasureContext } from './experiment.ts';
import { type Network, variantName } from './network.ts';
import { planSlices, type SliceConfig, type SliceDesign } from './slice-design.ts';
import { sliceRows } from './slice-rows.ts';

export const slice: Experiment<SliceConfig, SliceDesign> = {
  name: 'slice',
  tables: [SLICES_TABLE, SLICE_POLYGONS_TABLE, SLICE_EDGES_TABLE, SLICE_REGIONS_TABLE],
  plan: planSlices,
  measure,
  // Slices illustrate: they make no claim.
  conclude: async () => ({ claims: [], rows: [], notices: [] }),
};

type Context = MeasureContext<SliceConfig, SliceDesign>;

const BYTES_PER_MEGABYTE = 2 ** 20;

async function* measure(task: LensTask, context: Context): AsyncIterable<Chunk> {
  const { config, design, signal } = context;
  const { space, maxPolygons, maxMegabytes } = config.slice;
  const network = await context.network(task.variant);
  const net = await network.piecewise({ from: space });
  try {
    for (let at = task.from; at < task.to; at++) {
      const plane = await planeOf(network, at, context);
      const limits = { maxPolygons, maxStateBytes: maxMegabytes * BYTES_PER_MEGABYTE };
      const partition = await partitionSlice(net, plane, { ...limits, signal });
      const facts = {
        model: variantName(task.variant),
        sliceId: `slice-${at}`,
        space,
        pointIds: design.planes?.[at] ?? [],
        plane,
        counted: new CountedTaps(network, net.taps),
      };
      for (const rows of sliceRows(facts, partition)) yield { units: at - task.from, rows };
      yield { units: at + 1 - task.from, rows: [] };
    }
  } finally {
    await net.close();
  }
}

async function planeOf(
  network: Network,
  at: number,
  { config, design, samples }: Context,
): Promise<SlicePlane> {
  const { space, margin, box } = config.slice;
  if (design.planes === null) {
    const axes = [
      [1, 0],
      [0, 1],
    ] as const;
    const [[x0, x1], [y0, y1]] = [box!.x, box!.y];
    return planeAlongAxes([0, 0], { axes, box: { x0, y0, x1, y1 } });
  }
  const { input } = await samples!.read(design.planes[at]!);
  const values = (await network.forward(input, { to: [space] })).get(space)!;
  const size = values.length / 3;
  const row = (i: number) => Float64Array.from(values.subarray(i * size, (i + 1) * size));
  return planeThroughRows([row(0), row(1), row(2)], { margin });
}
