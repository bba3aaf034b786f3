// MetFlow's computing against JAX on the same cores: one update of the ring's training, the gradient of a VAE, NUTS against
// BlackJAX on a correlated Gaussian; and how many transitions a trained path samples a second. What JAX does is in
// peer-gradients.py. Needs a Python with jax and blackjax; without one, only our figures are printed.
// node --import tsx test/bench/metflow.bench.ts [--python PATH] [--only path,vae,nuts,sample]

import '../../activities/numeric/float16-array.ts';
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { beginChains, runSegment } from '../../activities/metflow/chains/chain-run.ts';
import { localSweep } from '../../activities/metflow/chains/configured-kernels.ts';
import type { Sampler } from '../../activities/metflow/chains/sampler.ts';
import { bulkEffectiveSize } from '../../activities/metflow/diagnostics/effective-sample-size.ts';
import { buildFlow, type FlowName } from '../../activities/metflow/flow-options.ts';
import { openFlowProposal } from '../../activities/metflow/flow-proposal.ts';
import { initState } from '../../activities/metflow/kernel.ts';
import { initialParameters } from '../../activities/metflow/parameters.ts';
import { flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import { pathModel } from '../../activities/metflow/path/path-model.ts';
import { correlatedGaussian } from '../../activities/metflow/targets/gaussian.ts';
import { ring } from '../../activities/metflow/targets/gaussian-mixture.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import { openTrainer } from '../../activities/metflow/training.ts';
import { fillNormals } from '../../activities/numeric/philox-address.ts';
import { createProgramRunner } from '../../infra/metflow/program-runner.ts';
import { metflowConfig } from '../../schemas/metflow-config.ts';
import { compared, figure, median } from './comparison.ts';
import { vaeProgram } from './vae-program.ts';

const PEER = fileURLToPath(new URL('./peer-gradients.py', import.meta.url));
const ROUNDS = 3;
const CALLS = { path: 150, vae: 40 };
const NEVER = new AbortController().signal;
/** As in the peer. */
const NUTS = { chains: 32, warmup: 500, draws: 1000, dim: 50 };
const NUTS_CORRELATION = 0.5;
const RING = { modes: 8, radius: 10, scale: 1 };

const { values: options } = parseArgs({
  options: { python: { type: 'string' }, only: { type: 'string', default: 'path,vae,nuts,sample' } },
});
const python = options.python ?? process.env.TESSERA_BENCH_PYTHON ?? 'python3';

interface PeerAnswer {
  readonly seconds: number[];
  readonly z?: number[][][];
}

/** One call of the script; null where a package is missing. */
function peer(what: string, calls: number, threads: number): PeerAnswer | null {
  const args = [PEER, what, String(calls), String(threads)];
  const { status, stdout, stderr, error } = spawnSync(python, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status === 0) return JSON.parse(stdout) as PeerAnswer;
  if (error === undefined && status !== 3) throw new Error(stderr);
  console.log(`skipped: ${python} cannot run JAX (${error?.message ?? stdout.trim()}); give --python PATH`);
  return null;
}

/** Seconds of each call after some that warm up. */
async function timed(calls: number, call: () => Promise<unknown>): Promise<number[]> {
  for (let i = 0; i < 10; i++) await call();
  const seconds: number[] = [];
  for (let i = 0; i < calls; i++) {
    const startedMs = performance.now();
    await call();
    seconds.push((performance.now() - startedMs) / 1000);
  }
  return seconds;
}

interface Timed {
  readonly what: 'path' | 'vae';
  readonly title: string;
  readonly threads: number;
  readonly call: () => Promise<unknown>;
}

/** Alternates the two and compares medians. */
async function compareTimes({ what, title, threads, call }: Timed): Promise<void> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(...(await timed(CALLS[what], call)));
    theirs.push(...(peer(what, CALLS[what], threads)?.seconds ?? []));
    if (theirs.length === 0) break;
  }
  const milliseconds = (seconds: number[]) => 1000 * median(seconds);
  const least = (seconds: number[]) => figure(1000 * Math.min(...seconds));
  const where = `${title}, ${threads} thread(s)`;
  if (theirs.length === 0) return console.log(`${where}: ${figure(milliseconds(ours))} ms`);
  console.log(`${where}: fastest calls ${least(ours)} ms, JAX ${least(theirs)} ms`);
  compared('metflow', {
    what: where,
    unit: 'ms',
    ours: { name: 'compiled', value: milliseconds(ours) },
    baseline: { name: 'JAX', value: milliseconds(theirs) },
  });
}

function ringModel(flow: FlowName) {
  const kernel = flowKernel(buildFlow({ flow, dim: 2, layers: 2, hidden: 32, aggregation: null }));
  return pathModel({
    dim: 2,
    groups: [{ kernel, count: 7, conditioning: 'none' }],
    initial: { law: 'frozen' },
    reverse: { law: 'uniform' },
  });
}

async function benchPath(): Promise<void> {
  const given = { steps: 100_000, batch: 400, learningRate: 1e-3, seed: 1, type: 'float32' } as const;
  const runner = createProgramRunner();
  const trainer = await openTrainer(ringModel('realnvp'), ring(RING), { ...given, runner });
  let state = trainer.initial();
  const title = 'update, K = 7, 400 paths, RealNVP 2 x 32';
  const call = async () => {
    ({ state } = await trainer.step(state));
  };
  await compareTimes({ what: 'path', title, threads: 1, call });
  await trainer.close();
}

async function benchVae(threads: number): Promise<void> {
  const { program, data } = vaeProgram();
  const running = await createProgramRunner({ threads }).open(program);
  const call = () => running.run(data);
  await compareTimes({ what: 'vae', title: 'VAE gradient, 784-400-400-64, 128 rows', threads, call });
  await running.close();
}

/** Least bulk effective size over the coordinates of `[chains, draws, dim]`. */
function leastEffectiveSize(
  z: Float64Array,
  { chains, draws, dim }: Record<'chains' | 'draws' | 'dim', number>,
) {
  const sizes = Array.from({ length: dim }, (_, i) => {
    const values = Float64Array.from({ length: chains * draws }, (_, at) => z[at * dim + i]!);
    return bulkEffectiveSize({ values, chains, draws });
  });
  return Math.min(...sizes);
}

async function ourNuts(): Promise<{ readonly seconds: number; readonly size: number }> {
  const { warmup, ...shape } = NUTS;
  const target = await openTarget(correlatedGaussian({ dim: shape.dim, correlation: NUTS_CORRELATION }), {
    runner: createProgramRunner(),
    rows: shape.chains,
  });
  const config = metflowConfig.parse({
    kind: 'metflow',
    target: { name: 'gaussian' },
    kernels: [{ type: 'nuts' }],
  });
  const sampler: Sampler = {
    target,
    kernels: localSweep(config, target),
    seed: 1,
    chains: Uint32Array.from({ length: shape.chains }, (_, chain) => chain),
    warmup,
    thin: 1,
    start: { mean: new Float64Array(shape.dim), scale: new Float64Array(shape.dim).fill(1) },
  };
  const startedMs = performance.now();
  const begun = await beginChains(sampler, NEVER);
  const { run } = await runSegment(sampler, begun, { to: { warmed: warmup, drawn: 0 }, signal: NEVER });
  const to = { warmed: warmup, drawn: shape.draws };
  const { draws } = await runSegment(sampler, run, { to, signal: NEVER });
  const seconds = (performance.now() - startedMs) / 1000;
  await target.close();
  return { seconds, size: leastEffectiveSize(draws!.z, shape) };
}

async function benchNuts(): Promise<void> {
  const ours = await ourNuts();
  const what = `NUTS, 50 dimensions, correlation ${NUTS_CORRELATION}, ${NUTS.chains} chains of 500 + 1000`;
  const theirs = peer('nuts', 1, 1);
  const rate = ours.size / ours.seconds;
  if (theirs === null) return console.log(`${what}: ${figure(rate)} effective draws/s`);
  const z = Float64Array.from(theirs.z!.flat(2));
  const size = leastEffectiveSize(z, NUTS);
  console.log(
    `${what}: ESS ${figure(ours.size)} in ${figure(ours.seconds)} s, BlackJAX ${figure(size)} in ${figure(theirs.seconds[0]!)} s`,
  );
  compared('metflow', {
    what,
    unit: 'effective draws/s',
    ours: { name: 'nuts', value: rate },
    baseline: { name: 'BlackJAX', value: size / theirs.seconds[0]! },
  });
}

/** Transitions (one flow, one chain) a second of one thread; chains are many, as one call moves them all. */
async function benchSampling(flow: FlowName, type: 'float32' | 'float64'): Promise<void> {
  const chains = Uint32Array.from({ length: 4096 }, (_, chain) => chain);
  const model = ringModel(flow);
  const runner = createProgramRunner();
  const target = await openTarget(ring(RING), { runner, rows: chains.length, type });
  const theta = initialParameters(model.parameters, { seed: 1, type });
  const kernel = await openFlowProposal(model, ring(RING), {
    ...{ runner, theta, modelSeed: 1, chains: chains.length, type },
  });
  const z = fillNormals(new Float64Array(2 * chains.length), chains, { seed: 2, step: 0, purpose: 'init' });
  let state = await initState(
    target,
    z.map((value) => 8 * value),
    { seed: 2, chains },
  );
  let step = 0;
  const seconds = await timed(15, async () => {
    ({ state } = await kernel.step({ seed: 2, step: step++, chains }, state));
  });
  await Promise.all([kernel.close(), target.close()]);
  const rate = (7 * chains.length) / median(seconds);
  console.log(`sampling the ring, ${flow}, ${type}: ${figure(rate)} transitions/s of one thread`);
}

const wanted = new Set(options.only.split(','));
if (wanted.has('path')) await benchPath();
if (wanted.has('vae'))
  for (const threads of new Set([1, Math.min(4, availableParallelism())])) await benchVae(threads);
if (wanted.has('nuts')) await benchNuts();
if (wanted.has('sample'))
  for (const flow of ['affine', 'realnvp'] as const)
    for (const type of ['float64', 'float32'] as const) await benchSampling(flow, type);
process.exit(0);
