// A process that runs SEGMENTS segments of flows and a random walk, each through a checkpoint's content and back, as a worker runs them,
// and prints as JSON how many it ran and what it held at some of them: for `leak.test.ts`.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { chainContent, chainRunOf } from '../../../activities/metflow/chains/chain-checkpoint.ts';
import { beginChains, runSegment } from '../../../activities/metflow/chains/chain-run.ts';
import type { Sampler } from '../../../activities/metflow/chains/sampler.ts';
import { openFlowProposal } from '../../../activities/metflow/flow-proposal.ts';
import { initialParameters } from '../../../activities/metflow/parameters.ts';
import { buildRandomWalk } from '../../../activities/metflow/random-walk.ts';
import { openTarget } from '../../../activities/metflow/targets/open-target.ts';
import { flowPath, threeGaussians } from '../path-fixture.ts';
import { runner } from '../traced.ts';
import { ORIGIN } from '../checkpoint-origin.ts';

const SEGMENTS = 10_000;
const LOOKED_AT = [2_000, 6_000, SEGMENTS];
const signal = new AbortController().signal;
setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes that JavaScript holds, and that the process does. */
export interface Held {
  readonly own: number;
  readonly resident: number;
}

/** What the process prints. */
export interface Grown {
  readonly drawn: number;
  readonly seen: readonly Held[];
}

function held(): Held {
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { own: heapUsed + external, resident: rss };
}

async function openSampler(): Promise<Sampler & { close(): Promise<unknown> }> {
  const exact = threeGaussians();
  const chains = Uint32Array.of(0, 1);
  const model = flowPath(1);
  const theta = initialParameters(model.parameters, { seed: 1, type: 'float64' });
  const target = await openTarget(exact, { runner, rows: 2 });
  const flow = await openFlowProposal(model, exact, { runner, theta, modelSeed: 1, chains: 2 });
  return {
    ...{ target, seed: 1, chains, warmup: 0, thin: 1 },
    kernels: [
      { scales: { kind: 'none' }, build: () => flow },
      { scales: { kind: 'fixed', stepSize: 1 }, build: (scales) => buildRandomWalk(target, { scales }) },
    ],
    start: { mean: Float64Array.of(0, 0), scale: Float64Array.of(1, 1) },
    close: () => Promise.all([target.close(), flow.close()]),
  };
}

const sampler = await openSampler();
let run = await beginChains(sampler, signal);
const seen: Held[] = [];
for (let segment = 1; segment <= SEGMENTS; segment++) {
  const done = await runSegment(sampler, run, { to: { warmed: 0, drawn: segment }, signal });
  run = chainRunOf({ origin: ORIGIN, ...chainContent(done.run) });
  if (LOOKED_AT.includes(segment)) seen.push(held());
}
await sampler.close();
process.stdout.write(`${JSON.stringify({ drawn: run.place.drawn, seen } satisfies Grown)}\n`);
