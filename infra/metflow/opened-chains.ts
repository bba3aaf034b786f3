// What a thread keeps open of a run between segments: the target and the flows, compiled. Compiling takes seconds, a
// segment may take less.

import { createHash } from 'node:crypto';
import {
  localSweep,
  samplingFlows,
  trainedPath,
} from '../../activities/metflow/chains/configured-kernels.ts';
import type { Sampler, SweepKernel } from '../../activities/metflow/chains/sampler.ts';
import { openFlowProposal } from '../../activities/metflow/flow-proposal.ts';
import type { FloatArray } from '../../activities/metflow/parameters.ts';
import {
  initialMomentsOf,
  type ParameterUnits,
  type PathModel,
} from '../../activities/metflow/path/path-model.ts';
import { openTarget, type OpenTarget } from '../../activities/metflow/targets/open-target.ts';
import { chainsOfGroup, type MetflowPlan } from './metflow-plan.ts';
import type { NamedTarget } from './named-targets.ts';
import { plannedTarget } from './planned-target.ts';
import { createProgramRunner } from './program-runner.ts';

/** Parameters that a training ended with. */
export interface TrainedModel {
  readonly theta: FloatArray;
  /** As {@link trainedPath} takes them. */
  readonly units?: ParameterUnits;
  /** SHA-256 of them, hex. */
  readonly sha256: string;
}

/** How samplers are computed: a checkpoint says so, because another way may give other bits. */
export const COMPUTES = { dtype: 'float64', backend: 'onnxruntime-node/cpu', threads: 1 } as const;

interface Opened {
  readonly key: string;
  readonly sampler: Sampler;
  close(): Promise<void>;
}

let opened: Promise<Opened> | null = null;
let openedKey = '';

/** The sampler of a group of chains; the thread closes the one it had open before. */
export async function openSampler(
  plan: MetflowPlan,
  { group, model }: { readonly group: number; readonly model: TrainedModel | null },
): Promise<Sampler> {
  const chains = chainsOfGroup(plan, group);
  // Compiled programs have one number of rows; groups of one size share them.
  const key = `${plan.runId} ${plan.configSha256} ${model?.sha256 ?? ''} ${chains.length}`;
  if (openedKey !== key) {
    const before = opened;
    openedKey = key;
    opened = makeSampler(plan, { key, chains, model });
    opened.catch(() => {
      openedKey = '';
    });
    await before?.then(({ close }) => close()).catch(() => undefined);
  }
  return { ...(await opened!).sampler, chains };
}

/** Hash of trained parameters. */
export function modelSha256(theta: FloatArray): string {
  const bytes = new Uint8Array(theta.buffer, theta.byteOffset, theta.byteLength);
  return createHash('sha256').update(bytes).digest('hex');
}

async function makeSampler(
  plan: MetflowPlan,
  { key, chains, model }: { key: string; chains: Uint32Array; model: TrainedModel | null },
): Promise<Opened> {
  const { config, dim } = plan;
  const named = await plannedTarget(plan);
  const target = await openTarget(named.traced, { runner: createProgramRunner(), rows: chains.length });
  const path = model === null ? null : trainedPath(config, dim, { units: model.units });
  const flows = path === null ? null : await openFlows(plan, { named, path, chains, theta: model!.theta });
  const { warmup, thin, startScale } = config.sample;
  const start = {
    mean: new Float64Array(dim),
    scale: new Float64Array(dim).fill(startScale),
    ...(path === null ? {} : initialMomentsOf(path, model!.theta)),
    ...(named.traced.start === undefined ? {} : { mean: named.traced.start, scale: new Float64Array(dim) }),
  };
  const trained = path === null ? null : { path, theta: model!.theta };
  const kernels = [...(flows === null ? [] : [flows.kernel]), ...localSweep(config, target, trained)];
  return {
    key,
    sampler: { target, kernels, seed: config.seed, chains, warmup, thin, start },
    close: () => closeAll(target, flows),
  };
}

interface OpenFlows {
  readonly kernel: SweepKernel;
  close(): Promise<void>;
}

async function openFlows(
  { config }: MetflowPlan,
  {
    named,
    path,
    chains,
    theta,
  }: { named: NamedTarget; path: PathModel; chains: Uint32Array; theta: FloatArray },
): Promise<OpenFlows | null> {
  const flows = samplingFlows(config, { path, theta });
  if (flows === null) return null;
  const kernel = await openFlowProposal(flows.model, named.traced, {
    runner: createProgramRunner(),
    theta: flows.theta,
    modelSeed: config.seed,
    chains: chains.length,
    rule: config.sample.accept,
    directions: config.directions,
  });
  return { kernel: { scales: { kind: 'none' }, build: () => kernel }, close: () => kernel.close() };
}

async function closeAll(target: OpenTarget, flows: OpenFlows | null): Promise<void> {
  await Promise.all([target.close(), flows?.close()]);
}
