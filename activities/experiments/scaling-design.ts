// What a scaling experiment is asked and plans.

import type { LensConfig } from '#schemas/lens-config.ts';

export type ScalingConfig = Extract<LensConfig, { experiment: 'scaling' }>;

/** What plan.json holds. */
export interface ScalingDesign {
  readonly spaces: readonly string[];
  /** Samples that are scaled, ascending. */
  readonly points: readonly number[];
  /** Text: token of each point. */
  readonly tokens: readonly number[] | null;
  /** Samples that directions are taken from. */
  readonly reference: readonly number[];
  /** Ascending; 1 is one of them. */
  readonly factors: readonly number[];
  readonly cases: number;
  readonly probes: number;
}
