// The target of a run that has been planned: a thread makes it once, and it is the one that was planned.

import { PipelineError } from '#schemas/errors.ts';
import { canonicalJson } from '../config/config-hash.ts';
import type { MetflowPlan } from './metflow-plan.ts';
import { namedTarget, type NamedTarget } from './named-targets.ts';

let last: { readonly key: string; readonly made: Promise<NamedTarget> } | null = null;

/**
 * Makes a run's target, or gives the one that this thread made for the run before.
 * @throws PipelineError `run-config-mismatch` where a file of it has changed since the run was planned, and as
 * {@link namedTarget} does.
 */
export async function plannedTarget({
  config,
  target,
}: Pick<MetflowPlan, 'config' | 'target'>): Promise<NamedTarget> {
  const key = canonicalJson({ config: config.target, seed: config.seed, sha256: target.sha256 });
  if (last?.key !== key) last = { key, made: namedTarget(config.target, config.seed) };
  const { made } = last;
  try {
    const named = await made;
    if (named.sha256 !== target.sha256) throw changed(named, target);
    return named;
  } catch (error) {
    // What was not there, or not as it was, may be put back before the next try.
    if (last?.made === made) last = null;
    throw error;
  }
}

function changed({ name, sha256 }: NamedTarget, planned: MetflowPlan['target']): PipelineError {
  return new PipelineError({
    kind: 'run-config-mismatch',
    where: 'target',
    what: `what the target ${name} is made of has changed since the run began`,
    value: `SHA-256 ${sha256.slice(0, 12)}, expected ${planned.sha256.slice(0, 12)}`,
    remedy: 'Put it back as it was, or give the run another id.',
  });
}
