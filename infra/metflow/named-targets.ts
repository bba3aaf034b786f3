// Targets as configs name them: built-in ones, and modules of the user's own.

import { createHash } from 'node:crypto';
import type { BuiltInTarget, TargetConfig } from '#schemas/metflow-targets.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { cubeVertices, grid, ring, twoFar } from '../../activities/metflow/targets/gaussian-mixture.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { canonicalJson } from '../config/config-hash.ts';
import { loadTargetModule } from './target-module.ts';

export interface NamedTarget {
  readonly name: string;
  /** SHA-256, hex, of everything the density depends on beside this program. */
  readonly sha256: string;
  readonly traced: TracedTarget;
}

/**
 * Makes the target of a config.
 * @throws PipelineError `config-invalid` for options out of range, `data-missing` or `data-invalid` for a module that
 * is not there or is no target.
 */
export async function namedTarget(config: TargetConfig, seed: number): Promise<NamedTarget> {
  if ('module' in config) return loadTargetModule(config);
  const sha256 = createHash('sha256').update(canonicalJson({ config, seed })).digest('hex');
  return { name: config.name, sha256, traced: builtIn(config, seed) };
}

function builtIn(config: BuiltInTarget, seed: number): TracedTarget {
  switch (config.name) {
    case 'ring':
      return ring(config);
    case 'grid':
      return grid(config);
    case 'two_far':
      return twoFar(config);
    case 'cube':
      return cubeVertices(config, randomStream(seed, TARGET_STREAM));
  }
}

/** Keeps a target's own random choices apart from all others of the run. */
const TARGET_STREAM = 0x7a7267;
