// A trained model's effect against that of its control models: what they show as well was not learnt.

import type { Estimate } from '../numeric/bootstrap.ts';
import { randomStream } from '../numeric/rng.ts';
import { type Claim, judgeFamily, LEAST_UNITS } from '../polytope/claim.ts';
import { evidenceOf } from './evidence.ts';
import type { ModelVariant } from './network.ts';

/** A ratio of one model over one span. */
export interface ModelRatio {
  readonly variant: ModelVariant;
  readonly span: string;
  /** Replicate i has the same resample in every model. */
  readonly estimate: Estimate;
  /** Independent units behind it. */
  readonly n: number;
}

export interface ContrastOptions {
  readonly seed: number;
  readonly experiment: string;
  /** The claim about `random nets`, or `weight-permuted nets`. */
  readonly nameOf: (nets: string) => string;
}

const CONTROL_STREAM = 6;
const NETS = { random_init: 'random nets', weight_permuted: 'weight-permuted nets' } as const;

/**
 * The trained model's ratio over the geometric mean of the controls' ratios, span by span; one family of claims for each
 * kind of control. Replicates draw the control models anew too, so that they spread as seeds do where there are several.
 * Controls without a ratio, or with too few units behind it, are left out.
 */
export function againstControls(ratios: readonly ModelRatio[], options: ContrastOptions): Claim[] {
  return (['random_init', 'weight_permuted'] as const).flatMap((kind) => {
    const trained = ratios.filter(({ variant }) => variant.kind === 'trained');
    const controls = ratios.filter(({ variant }) => variant.kind === kind);
    if (controls.length === 0) return [];
    return judgeFamily(
      trained.map((own) => {
        const others = controls.filter((control) => control.span === own.span && isKnown(control));
        return evidenceOf(
          {
            claim: options.nameOf(NETS[kind]),
            experiment: options.experiment,
            model: 'trained',
            span: own.span,
            nullEffect: 1,
            predicted: 'above',
          },
          contrast(own, others, options.seed),
          own.n,
        );
      }),
    );
  });
}

function isKnown({ estimate, n }: ModelRatio): boolean {
  return Number.isFinite(estimate.value) && n >= LEAST_UNITS;
}

/** Undefined without a trained ratio, or without controls. */
function contrast({ estimate }: ModelRatio, controls: readonly ModelRatio[], seed: number): Estimate {
  const logs = (of: (estimate: Estimate) => number, nets: readonly ModelRatio[]) =>
    nets.reduce((sum, net) => sum + Math.log(of(net.estimate)), 0) / nets.length;
  const replicates = estimate.replicates.map((ratio, replicate) => {
    const random = randomStream(seed, CONTROL_STREAM, replicate);
    const drawn = controls.map(() => controls[random.below(controls.length)]!);
    return ratio / Math.exp(logs(({ replicates: all }) => all[replicate]!, drawn));
  });
  return { value: estimate.value / Math.exp(logs(({ value }) => value, controls)), replicates };
}
