// Trains and samples examples/metflow/ring.yaml (or another example) for several seeds and says what the chains are worth:
// modes and masses where they are known, R-hat of all chains and over groups of four, seconds until every R-hat is at most
// 1.01, with and without training.
// node --import tsx test/bench/ring.bench.ts [--example two-far] [--seeds 1,2,3] [--set train.steps=500]...

import '../../activities/numeric/float16-array.ts';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { MetflowConfig } from '#schemas/metflow-config.ts';
import { trainedPath } from '../../activities/metflow/chains/configured-kernels.ts';
import {
  labelDraws,
  modeOccupancy,
  type Positions,
} from '../../activities/metflow/diagnostics/mode-occupancy.ts';
import { bulkEffectiveSize } from '../../activities/metflow/diagnostics/effective-sample-size.ts';
import { rankNormalisedRHat } from '../../activities/metflow/diagnostics/rank-normalised-r-hat.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { openTrainer } from '../../activities/metflow/training.ts';
import { loadConfig } from '../../infra/config/load-config.ts';
import { modelSha256, openSampler } from '../../infra/metflow/opened-chains.ts';
import { namedTarget } from '../../infra/metflow/named-targets.ts';
import { createProgramRunner } from '../../infra/metflow/program-runner.ts';
import { startOfTraining } from '../../infra/metflow/training-start.ts';
import { coordinate, drawChains, indicator, NEVER } from './chain-draws.ts';

const EXAMPLES = new URL('../../examples/metflow/', import.meta.url);
/** Chains of one R-hat, and the draws between two looks at it. */
const GROUP = 4;
const LOOK_EVERY = 50;

const { values: options } = parseArgs({
  options: {
    example: { type: 'string', default: 'ring' },
    seeds: { type: 'string', default: '1,2,3' },
    set: { type: 'string', multiple: true, default: [] },
  },
});

async function trained(config: MetflowConfig) {
  const { traced, ...target } = await namedTarget(config.target, config.seed);
  const path = trainedPath(config, traced.dim)!;
  const { steps, batch, learningRate, anneal, clip } = config.train;
  const given = { steps, batch, learningRate, anneal, clip, seed: config.seed };
  const trainer = await openTrainer(path, traced, { ...given, runner: createProgramRunner() });
  const startedMs = performance.now();
  let state = await startOfTraining({ path, trainer, traced }, config, { signal: NEVER });
  let elbo = 0;
  for (let step = 0; step < steps; step++) {
    const done = await trainer.step(state);
    state = done.state;
    elbo += (done.info.elbo - elbo) / Math.min(step + 1, 50);
  }
  await trainer.close();
  return { theta: state.theta, seconds: (performance.now() - startedMs) / 1000, elbo, traced, target };
}

/** The first chains' and draws' part of `all`. */
function part({ z, draws, dim }: Positions, first: number, upTo: number): Positions {
  const own = new Float64Array(GROUP * upTo * dim);
  for (let chain = 0; chain < GROUP; chain++) {
    const from = (first + chain) * draws * dim;
    own.set(z.subarray(from, from + upTo * dim), chain * upTo * dim);
  }
  return { z: own, chains: GROUP, draws: upTo, dim };
}

/** Worst R-hat of the coordinates, and of the indicators of the modes: 0 where none are known, infinite for one never visited. */
function worstRHats(drawn: Positions, modes: TracedTarget['modes']) {
  const { chains, draws, dim } = drawn;
  const rHat = (values: Float64Array) => rankNormalisedRHat({ values, chains, draws });
  const worst = (values: number[]) =>
    Math.max(0, ...values.map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value)));
  const coordinates = worst(Array.from({ length: dim }, (_, i) => rHat(coordinate(drawn, i))));
  if (modes === undefined) return { coordinates, modes: 0 };
  const { nearest } = labelDraws(drawn, modes);
  const indicators = Array.from(modes.weights, (_, mode) => rHat(indicator(nearest, mode)));
  return { coordinates, modes: worst(indicators) };
}

function leastBulkSize(drawn: Positions): number {
  const { chains, draws, dim } = drawn;
  return Math.min(
    ...Array.from({ length: dim }, (_, i) =>
      bulkEffectiveSize({ values: coordinate(drawn, i), chains, draws }),
    ),
  );
}

async function sampled(
  config: MetflowConfig,
  {
    theta,
    traced: { dim },
    target,
  }: Pick<Awaited<ReturnType<typeof trained>>, 'theta' | 'traced' | 'target'>,
) {
  const plan = { runId: 'bench', configSha256: String(config.seed), config, target, dim, groups: 1 } as never;
  const model = { theta: theta as Float64Array<ArrayBuffer>, sha256: modelSha256(theta as never) };
  const sampler = await openSampler(plan, { group: 0, model });
  return drawChains(sampler, { ...config.sample, dim });
}

async function bench(seed: number): Promise<void> {
  const { config } = loadConfig(fileURLToPath(new URL(`${options.example}.yaml`, EXAMPLES)), {
    sets: [...options.set, `seed=${seed}`],
  }) as never as {
    config: MetflowConfig;
  };
  const model = await trained(config);
  const { seconds, elbo, traced } = model;
  const found = await sampled(config, model);
  const { modes } = traced;
  const { draws, chains } = found.drawn;
  const groups = Array.from({ length: Math.floor(chains / GROUP) }, (_, i) => i * GROUP);
  const whole = groups.map((first) => worstRHats(part(found.drawn, first, draws), modes));
  const list = (values: number[]) =>
    `${values
      .toSorted((a, b) => a - b)
      .map((v) => v.toFixed(4))
      .join(' ')}`;
  console.log(
    `seed ${seed}: training ${seconds.toFixed(1)} s, bound ${elbo.toFixed(2)}, sampling ${found.seconds.toFixed(1)} s`,
  );
  if (modes !== undefined) {
    const { visited, largestMassError } = modeOccupancy(found.drawn, modes);
    console.log(`  modes ${visited}, largest mass error ${largestMassError.toFixed(4)}`);
  }
  const all = worstRHats(found.drawn, modes);
  console.log(
    `  all chains: R-hat ${all.coordinates.toFixed(4)}, of indicators ${all.modes.toFixed(4)}, least bulk ESS ${leastBulkSize(found.drawn).toFixed(0)}`,
  );
  console.log(`  R-hat of coordinates ${list(whole.map((one) => one.coordinates))}`);
  console.log(`  R-hat of indicators  ${list(whole.map((one) => one.modes))}`);
  const rates = found.health.map(
    ({ kernel, sums }) => `${kernel} ${(sums.acceptance / sums.steps).toFixed(2)}`,
  );
  console.log(`  acceptance ${rates.join(', ')}`);
  let upTo = LOOK_EVERY;
  for (; upTo < draws; upTo += LOOK_EVERY) {
    const { coordinates, modes: indicators } = worstRHats(part(found.drawn, 0, upTo), modes);
    if (coordinates <= 1.01 && indicators <= 1.01) break;
  }
  const untilSeconds = found.warmSeconds + ((found.seconds - found.warmSeconds) * upTo) / draws;
  console.log(
    `  R-hat 1.01 after ${upTo} draws: ${untilSeconds.toFixed(2)} s of sampling ${chains} chains, ${(untilSeconds + seconds).toFixed(1)} s with training`,
  );
}

for (const seed of options.seeds.split(',')) await bench(Number(seed));
process.exit(0);
