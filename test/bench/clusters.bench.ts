// HDBSCAN of packed codes against the Python packages (peer-clusters.py), in the same run and on the same codes. Needs a
// Python with numpy, hdbscan and fast_hdbscan; without one it prints our times alone.
// node --import tsx test/bench/clusters.bench.ts [--python PATH] [--threads N] [--rows N]

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomStream } from '../../activities/numeric/rng.ts';
import { agreement } from '../../activities/polytope/agreement.ts';
import { densityClusterer, densityClusters } from '../../activities/polytope/density-clusters.ts';
import type { RunBlocks } from '../../activities/polytope/neighbour-kernel.ts';
import type { CodePoints, PointSet } from '../../activities/polytope/point-set.ts';
import { sharedBlocks } from '../../infra/threads/cluster.ts';
import { compared, figure } from './comparison.ts';
import { nextMessage, startThread } from './threads.ts';

const PEER = fileURLToPath(new URL('./peer-clusters.py', import.meta.url));
const BITS = 512;
const MIN_CLUSTER_SIZE = 10;
const ROUNDS = 3;

const { values: options } = parseArgs({
  options: {
    python: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rows: { type: 'string', default: '20000' },
  },
});
const python = options.python ?? process.env.TESSERA_BENCH_PYTHON ?? 'python3';
const threads = Number(options.threads);

/** Prototypes of 512 bits with 8 % of the bits flipped, as oracle 14 of the specification, and a tenth of random codes. */
function plantedCodes(rows: number): CodePoints {
  const random = randomStream(14);
  const rowBytes = BITS / 8;
  const prototypes = Array.from({ length: 40 }, () =>
    Uint8Array.from({ length: rowBytes }, () => random.below(256)),
  );
  const codes = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    const own = codes.subarray(row * rowBytes, (row + 1) * rowBytes);
    own.set(prototypes[random.below(prototypes.length)]!);
    const share = row % 10 === 0 ? 0.5 : 0.08;
    for (let bit = 0; bit < BITS; bit++) if (random.uniform() < share) own[bit >> 3]! ^= 1 << (bit & 7);
  }
  return { metric: 'hamming', rows, rowBytes, codes };
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const start = performance.now();
  const value = await work();
  return { seconds: (performance.now() - start) / 1000, value };
}

/** The median of a few rounds. */
async function ours(points: PointSet, runBlocks: RunBlocks) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push(
      await timed(() => densityClusters(points, { minClusterSize: MIN_CLUSTER_SIZE }, { runBlocks })),
    );
  }
  rounds.sort((a, b) => a.seconds - b.seconds);
  return rounds[ROUNDS >> 1]!;
}

/** One call of the script; null where a package is missing. */
function peer(which: string, folder: string, { rows, rowBytes }: CodePoints) {
  const [file, out] = [join(folder, 'codes.bin'), join(folder, 'labels.bin')];
  const args = [PEER, file, rows, rowBytes, MIN_CLUSTER_SIZE, threads, which, out].map(String);
  const { status, stdout, stderr, error } = spawnSync(python, args, { encoding: 'utf8' });
  if (error !== undefined || status === 3) {
    console.log(
      `skipped ${which}: ${error?.message ?? stdout.trim()}; give --python PATH of one that has it`,
    );
    return null;
  }
  if (status !== 0) throw new Error(stderr);
  const { seconds, version } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
    seconds: number;
    version: string;
  };
  const bytes = readFileSync(out);
  return { seconds, version, labels: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4) };
}

async function againstPeers(points: CodePoints, runBlocks: RunBlocks, folder: string): Promise<void> {
  const found = await ours(points, runBlocks);
  const what = `${figure(points.rows)} codes of ${BITS} bits, ${threads} thread(s)`;
  console.log(`${what}: ${figure(found.seconds)} s, ${found.value.sizes.length} clusters`);
  writeFileSync(join(folder, 'codes.bin'), points.codes);
  for (const which of ['fast_hdbscan', 'hdbscan']) {
    const answer = peer(which, folder, points);
    if (answer === null) continue;
    console.log(`ARI with ${which}: ${agreement(answer.labels, found.value.labels).ari.toFixed(5)}`);
    compared('clusters', {
      what,
      unit: 's',
      ours: { name: 'densityClusters', value: found.seconds },
      baseline: { name: `${which} ${answer.version}`, value: answer.seconds },
    });
  }
}

/** More points, more bits, vectors, and a sweep that shares the neighbours. */
async function alone(runBlocks: RunBlocks): Promise<void> {
  const many = plantedCodes(50_000);
  const large = await timed(() => densityClusters(many, { minClusterSize: MIN_CLUSTER_SIZE }, { runBlocks }));
  const megabytes = process.memoryUsage().rss / 1e6;
  console.log(
    `50,000 codes of ${BITS} bits: ${figure(large.seconds)} s, ${figure(megabytes)} MB of the process`,
  );
  const random = randomStream(5);
  const values = Float32Array.from(
    { length: 10_000 * 50 },
    (_, i) => random.normal() + (Math.floor(i / 50) % 20),
  );
  const vectors: PointSet = { metric: 'euclid', rows: 10_000, columns: 50, values };
  const euclid = await timed(() => densityClusters(vectors, { minClusterSize: 10 }, { runBlocks }));
  console.log(`10,000 vectors of 50: ${figure(euclid.seconds)} s`);
  const sweep = await timed(async () => {
    const clusterer = await densityClusterer(plantedCodes(10_000), { largestMinSamples: 50 }, { runBlocks });
    for (const minClusterSize of [5, 10, 20, 50]) {
      for (const minSamples of [1, 5, minClusterSize])
        await clusterer.clusters({ minClusterSize, minSamples });
    }
  });
  console.log(`12 settings on 10,000 codes of ${BITS} bits: ${figure(sweep.seconds)} s`);
}

const helpers = Array.from({ length: threads - 1 }, () => startThread('./cluster-thread.ts', {}));
await Promise.all(helpers.map(nextMessage));
const runBlocks: RunBlocks = (work, run) => {
  let next = 0;
  const share = sharedBlocks(helpers.length, async (shared) => helpers[next++]!.postMessage(shared));
  return share(work, run);
};
const folder = await mkdtemp(join(tmpdir(), 'clusters-bench-'));
try {
  await againstPeers(plantedCodes(Number(options.rows)), runBlocks, folder);
  await alone(runBlocks);
} finally {
  await Promise.all(helpers.map((thread) => thread.terminate()));
  await rm(folder, { recursive: true });
}
