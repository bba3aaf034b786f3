// What is run under faults: one small run of each kind, long enough to be hit several times.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MNIST } from '../live/live-home.ts';
import { EXAMPLES, setOptions } from '../live/recorded-codes.ts';

/** A run whose bytes are a function of its config. */
export interface Workload {
  readonly name: string;
  /** Run id, and so the name of its folder. */
  readonly run: string;
  /** What throughput is counted in, and how many of them the run has. */
  readonly unit: string;
  readonly units: number;
  /** Arguments of `tessera`, but for where the run goes. @param folder - where a config may be written. */
  args(folder: string): readonly string[];
}

const SWEEP_ROWS = 70_000;
const PATHS = 800;
const [CHAINS, DRAWS] = [4, 200];

const CHAINS_CONFIG = `
kind: metflow
run: chains
seed: 5
target: { name: ring, modes: 4, radius: 4 }
kernels:
  - { type: metflow, count: 2, hidden: 8 }
  - { type: hmc, steps: 3 }
train: { steps: 200, batch: 32, learningRate: 0.005, checkpointEvery: 25, evaluateEvery: 100, evaluateRows: 50 }
sample: { chains: ${CHAINS}, groups: 2, warmup: 60, draws: ${DRAWS}, checkpointEvery: 20 }
`;

/** A new workload is one entry. */
export const WORKLOADS: readonly Workload[] = [
  {
    name: 'sweep',
    run: 'sweep',
    unit: 'rows',
    units: SWEEP_ROWS,
    args: () => [
      join(EXAMPLES, 'mnist-mlp/sweep.yaml'),
      ...setOptions({
        run: 'sweep',
        'dataset.data': files('train-images-idx3-ubyte', 't10k-images-idx3-ubyte'),
        'dataset.labels': files('train-labels-idx1-ubyte', 't10k-labels-idx1-ubyte'),
        // Many small messages: much to lose, to repeat and to put out of order.
        'stream.batchRows': 64,
        'dataset.shardRows': 17_500,
      }),
    ],
  },
  {
    name: 'lens',
    run: 'lens',
    unit: 'paths',
    units: PATHS,
    args: () => [
      join(EXAMPLES, 'mnist-mlp/paths.yaml'),
      ...setOptions({
        run: 'lens',
        'dataset.rows': [0, 2000],
        'paths.pairs': { any: PATHS },
        'paths.bins': 4,
        'paths.steps': 2,
        controls: { randomInit: 0, weightPermuted: 0 },
      }),
    ],
  },
  {
    name: 'chains',
    run: 'chains',
    unit: 'draws',
    units: CHAINS * DRAWS,
    args(folder) {
      const file = join(folder, 'chains.yaml');
      writeFileSync(file, CHAINS_CONFIG);
      return [file];
    },
  },
];

function files(...names: string[]): string[] {
  return names.map((name) => join(MNIST, name));
}
