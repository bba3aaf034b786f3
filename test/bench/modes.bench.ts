// How many modes each method finds, against dimension: eight unit Gaussians on random vertices of a cube, by MetFlow, by
// its flows without a Metropolis step, by a RealNVP trained alike, and by HMC and NUTS from N(0, I). A mode is nearest to
// its draws and holds more than a tenth of its mass within the radius of 99 %; in brackets the rule of co-authors' logs.
// node --import tsx test/bench/modes.bench.ts [--dims 3,5,10] [--seeds 1,2] [--only metflow,nuts] [--example cube-pilot] [--set train.steps=500]...

import '../../activities/numeric/float16-array.ts';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type MetflowConfig, metflowConfig } from '#schemas/metflow-config.ts';
import { trainedPath } from '../../activities/metflow/chains/configured-kernels.ts';
import type { NamedHealth } from '../../activities/metflow/chains/chain-run.ts';
import type { Sampler } from '../../activities/metflow/chains/sampler.ts';
import {
  labelDraws,
  modeOccupancy,
  type Modes,
  type Positions,
} from '../../activities/metflow/diagnostics/mode-occupancy.ts';
import { rankNormalisedRHat } from '../../activities/metflow/diagnostics/rank-normalised-r-hat.ts';
import { openEvaluator } from '../../activities/metflow/evaluation.ts';
import { buildFlow, type FlowOptions } from '../../activities/metflow/flow-options.ts';
import { inUnits } from '../../activities/metflow/flows/in-units.ts';
import type { FloatArray } from '../../activities/metflow/parameters.ts';
import { pathModel, type PathModel } from '../../activities/metflow/path/path-model.ts';
import { pushKernel } from '../../activities/metflow/path/push-kernel.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { openTrainer } from '../../activities/metflow/training.ts';
import { loadConfig } from '../../infra/config/load-config.ts';
import { namedTarget } from '../../infra/metflow/named-targets.ts';
import { modelSha256, openSampler } from '../../infra/metflow/opened-chains.ts';
import { createProgramRunner } from '../../infra/metflow/program-runner.ts';
import { startOfTraining } from '../../infra/metflow/training-start.ts';
import { coordinate, drawChains, indicator, NEVER } from './chain-draws.ts';

const EXAMPLES = new URL('../../examples/metflow/', import.meta.url);
/** Draws of a method without chains, in as many chains as NUTS has. */
const INDEPENDENT = { chains: 8, draws: 1000 };
const LOCAL = { chains: 8, warmup: 300, draws: 1000 };

const { values: options } = parseArgs({
  options: {
    example: { type: 'string', default: 'cube' },
    dims: { type: 'string', default: '3,5,7,10,20,50,100' },
    seeds: { type: 'string', default: '1,2' },
    only: { type: 'string', default: 'metflow,apart,pilot,plain,realnvp,hmc,nuts' },
    set: { type: 'string', multiple: true, default: [] },
  },
});

async function train(path: PathModel, target: TracedTarget, config: MetflowConfig) {
  const { steps, batch, learningRate, anneal, clip } = config.train;
  const runner = createProgramRunner();
  const given = { steps, batch, learningRate, anneal, clip, seed: config.seed, runner };
  const trainer = await openTrainer(path, target, given);
  let state = await startOfTraining({ path, trainer, traced: target }, config, { signal: NEVER });
  while (state.step < steps) ({ state } = await trainer.step(state));
  await trainer.close();
  const rows = INDEPENDENT.chains * INDEPENDENT.draws;
  const evaluator = await openEvaluator(path, target, { runner, rows, seed: config.seed });
  const { elbo, z } = await evaluator.evaluate(state.theta);
  await evaluator.close();
  return { theta: state.theta, elbo, drawn: { z, ...INDEPENDENT, dim: path.dim } };
}

/** Chains of a config; `theta` of its trained path, `apart` for starts from N(0, I) whatever was trained. */
async function sample(
  config: MetflowConfig,
  dim: number,
  { theta, apart = false }: { readonly theta?: FloatArray; readonly apart?: boolean } = {},
): Promise<{ drawn: Positions; health: readonly NamedHealth[] }> {
  // The sampler that is open is known by its plan.
  const target = await namedTarget(config.target, config.seed);
  const known = { runId: `${config.seed} ${dim} ${apart}`, configSha256: '' };
  const plan = { ...known, config, target, dim, groups: 1 } as never;
  const model = theta === undefined ? null : { theta, sha256: modelSha256(theta) };
  const opened = await openSampler(plan, { group: 0, model });
  const start = { mean: new Float64Array(dim), scale: new Float64Array(dim).fill(1) };
  const sampler: Sampler = apart ? { ...opened, start } : opened;
  return drawChains(sampler, { ...config.sample, dim });
}

/** A flow of as many maps as the config's, which are always applied. */
function flowAlone(
  config: MetflowConfig,
  dim: number,
  map: Omit<FlowOptions, 'dim' | 'aggregation'>,
): PathModel {
  const { initial: law, initialScale: scale } = config.train;
  const count = config.kernels[0]!.type === 'metflow' ? config.kernels[0]!.count : 1;
  const kernel = pushKernel(inUnits(buildFlow({ ...map, dim, aggregation: null }), scale));
  return pathModel({
    dim,
    groups: [{ kernel, count, conditioning: 'none' }],
    initial: { law, scale },
    reverse: { law: 'uniform' },
  });
}

function localConfig(config: MetflowConfig, kernel: object, sample: object = LOCAL): MetflowConfig {
  const { target, seed } = config;
  return metflowConfig.parse({
    kind: 'metflow',
    run: 'modes',
    seed,
    target,
    kernels: [kernel],
    sample,
  });
}

/** Modes with more than 1/80 of all draws within squared distance 4 dim of the centre. */
function loggedRule({ z, dim }: Positions, { centres }: Modes): number {
  const draws = z.length / dim;
  return Array.from({ length: centres.length / dim }, (_, mode) => {
    let near = 0;
    for (let draw = 0; draw < draws; draw++) {
      let squared = 0;
      for (let i = 0; i < dim; i++) squared += (z[draw * dim + i]! - centres[mode * dim + i]!) ** 2;
      if (squared <= 4 * dim) near++;
    }
    return near;
  }).filter((near) => near > draws / 80).length;
}

/** Worst R-hats of coordinates and of the indicators of modes; infinite where a chain stays and others do not. */
function worstRHats(drawn: Positions, modes: Modes) {
  const { chains, draws, dim } = drawn;
  const { nearest } = labelDraws(drawn, modes);
  // The indicator of a mode that no chain visits is constant, and says nothing.
  const worst = (series: Float64Array[]) =>
    Math.max(
      ...series
        .map((values) => rankNormalisedRHat({ values, chains, draws }))
        .filter((value) => !Number.isNaN(value)),
    );
  return {
    coordinates: worst(Array.from({ length: dim }, (_, i) => coordinate(drawn, i))),
    modes: worst(Array.from(modes.weights, (_, mode) => indicator(nearest, mode))),
  };
}

/** Share of its steps that each kernel of the chains accepted. */
function accepted(health: readonly NamedHealth[]): string {
  const rates = health.map(({ sums }) => (sums.acceptance / sums.steps).toFixed(2));
  return rates.length === 0 ? '' : `, accepted ${rates.join(' ')}`;
}

async function row(
  name: string,
  target: TracedTarget,
  method: () => Promise<{ drawn: Positions; elbo?: number; health?: readonly NamedHealth[] }>,
) {
  const startedMs = performance.now();
  const { drawn, elbo, health = [] } = await method();
  const seconds = (performance.now() - startedMs) / 1000;
  const modes = target.modes!;
  const { visited, largestMassError } = modeOccupancy(drawn, modes);
  const bound = elbo === undefined ? '' : `, bound ${elbo.toFixed(2)}`;
  const worst = worstRHats(drawn, modes);
  console.log(
    `  ${name}: ${visited} modes [${loggedRule(drawn, modes)}], largest mass error ${largestMassError.toFixed(3)}, R-hat ${worst.coordinates.toFixed(3)}, of modes ${worst.modes.toFixed(3)}${bound}, ${seconds.toFixed(0)} s${accepted(health)}`,
  );
}

async function bench(dim: number, seed: number): Promise<void> {
  const sets = [`target.dim=${dim}`, `seed=${seed}`, ...options.set];
  const config = loadConfig(fileURLToPath(new URL(`${options.example}.yaml`, EXAMPLES)), { sets })
    .config as MetflowConfig;
  const { traced } = await namedTarget(config.target, seed);
  const wanted = new Set(options.only.split(','));
  console.log(`d = ${dim}, seed ${seed}`);
  if (wanted.has('metflow') || wanted.has('apart')) {
    let theta: FloatArray | undefined;
    await row('MetFlow, chains from its initial law', traced, async () => {
      const trained = await train(trainedPath(config, dim)!, traced, config);
      ({ theta } = trained);
      return { ...trained, ...(await sample(config, dim, { theta })) };
    });
    await row('the same, chains from N(0, I)', traced, () =>
      sample(config, dim, { theta: theta!, apart: true }),
    );
  }
  const maps = {
    plain: config.kernels[0] as never,
    realnvp: { flow: 'realnvp', layers: 2, hidden: 32 },
  } as const;
  for (const name of ['plain', 'realnvp'] as const) {
    if (!wanted.has(name)) continue;
    const title =
      name === 'plain' ? 'its flows without a Metropolis step' : 'RealNVP by variational inference';
    await row(title, traced, () => train(flowAlone(config, dim, maps[name]), traced, config));
  }
  const { pilot, initialScale: startScale } = config.train;
  if (pilot !== undefined && wanted.has('pilot'))
    await row(`NUTS, ${pilot.chains} chains as the pilot's`, traced, () =>
      sample(localConfig(config, { type: 'nuts' }, { ...pilot, startScale }), dim),
    );
  const locals = { hmc: { type: 'hmc', steps: 10 }, nuts: { type: 'nuts' } } as const;
  for (const name of ['hmc', 'nuts'] as const)
    if (wanted.has(name))
      await row(`${name.toUpperCase()}, 8 chains from N(0, I)`, traced, () =>
        sample(localConfig(config, locals[name]), dim),
      );
}

for (const dim of options.dims.split(','))
  for (const seed of options.seeds.split(',')) await bench(Number(dim), Number(seed));
process.exit(0);
