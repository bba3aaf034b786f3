// Whose checkpoints a run goes on from.

import type { CheckpointOrigin } from '../../activities/metflow/checkpoint.ts';
import { CODE_VERSION } from '../run-manifest.ts';
import type { MetflowPlan } from './metflow-plan.ts';
import { COMPUTES } from './opened-chains.ts';

/** Of the training. */
export function trainingOrigin(plan: MetflowPlan): CheckpointOrigin {
  return { ...shared(plan), kind: 'training', model: null, group: null };
}

/** Of a group of chains. @param model - hash of the trained parameters, null without any. */
export function chainsOrigin(
  plan: MetflowPlan,
  { group, model }: { readonly group: number; readonly model: string | null },
): CheckpointOrigin {
  return { ...shared(plan), kind: 'chains', model, group };
}

function shared({ runId, configSha256, target, config }: MetflowPlan) {
  const { seed } = config;
  return { runId, configSha256, codeVersion: CODE_VERSION, target, ...COMPUTES, seed };
}
