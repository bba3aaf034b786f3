// Polygons per second of exact 2-D slices, one thread. SplineCam's rates are those of its public code on 4 cores of another
// machine (8,158 polygons in 11.1 s on a random 2-64-64-64-2; 197 polygons/s on 784-128-128-10), not of this run.
// node --import tsx test/bench/slices.bench.ts

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partitionSlice } from '../../activities/polytope/slice-partition.ts';
import { planeAlongAxes, planeThroughRows } from '../../activities/polytope/slice-plane.ts';
import { openNetwork } from '../../infra/models/onnx-network.ts';
import { compared, median } from './comparison.ts';
import { mlpNet, normals } from './random-nets.ts';

const ROUNDS = 5;
const SPLINECAM = { '2-64-64-64-2': 734, '784-128-128-10': 197 } as const;

const folder = await mkdtemp(join(tmpdir(), 'bench-slices-'));
try {
  for (const [name, published] of Object.entries(SPLINECAM)) await bench(name, published);
} finally {
  await rm(folder, { recursive: true });
}

async function bench(name: string, published: number): Promise<void> {
  const sizes = name.split('-').map(Number);
  const file = join(folder, `${name}.onnx`);
  await writeFile(file, mlpNet(sizes));
  const model = { file, control: 'none', taps: 'auto', device: 'cpu', threads: 1 } as const;
  const variant = { kind: 'trained', seed: 0 } as const;
  const network = await openNetwork({ model, variant, sampleShape: [sizes[0]!], threads: 1 });
  const net = await network.piecewise({ from: 'input' });
  const plane = sizes[0] === 2 ? square() : planeThroughRows(threeRows(sizes[0]!));
  const rates: number[] = [];
  let polygons = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const startedMs = performance.now();
    polygons = (await partitionSlice(net, plane)).polygons.count;
    // The first round warms the code up.
    if (round > 0) rates.push((1000 * polygons) / (performance.now() - startedMs));
  }
  await net.close();
  await network.close();
  compared('slices', {
    what: `${name}, ${polygons} polygons, 1 thread`,
    unit: 'polygons/s',
    ours: { name: 'partition', value: median(rates) },
    baseline: { name: 'SplineCam elsewhere, 4 cores', value: published },
  });
}

function square() {
  const axes = [
    [1, 0],
    [0, 1],
  ] as const;
  return planeAlongAxes([0, 0], { axes, box: { x0: -1, y0: -1, x1: 1, y1: 1 } });
}

function threeRows(size: number): [Float32Array, Float32Array, Float32Array] {
  return [normals(size, 1), normals(size, 2), normals(size, 3)];
}
