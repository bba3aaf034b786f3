import { describe, expect, it } from 'vitest';
import { againstControls, type ModelRatio } from '../../activities/experiments/control-contrast.ts';

const constant = (value: number) => ({ value, replicates: new Float64Array(400).fill(value) });

function ratio(kind: ModelRatio['variant']['kind'], seed: number, value: number, n = 30): ModelRatio {
  return { variant: { kind, seed }, span: 'input', estimate: constant(value), n };
}

const options = { seed: 1, experiment: 'density', nameOf: (nets: string) => `more than in ${nets}` };

describe('againstControls', () => {
  it('divides by the geometric mean of the controls, and spreads as their seeds do', () => {
    const [claim] = againstControls(
      [ratio('trained', 0, 2), ratio('random_init', 1, 1), ratio('random_init', 2, 4)],
      options,
    );
    expect(claim).toMatchObject({
      claim: 'more than in random nets',
      model: 'trained',
      span: 'input',
      n: 30,
    });
    expect(claim!.effect).toBeCloseTo(1, 12);
    // Drawn twice: both the lower one gives 2, both the higher one 1/2.
    expect(claim!.ciLow).toBeCloseTo(0.5, 12);
    expect(claim!.ciHigh).toBeCloseTo(2, 12);
    expect(claim!.verdict).toBe('not shown');
  });

  it('makes one family for each kind of control that there is', () => {
    const found = againstControls([ratio('trained', 0, 3), ratio('weight_permuted', 1, 1.5)], options);
    expect(found.map(({ claim, effect, verdict }) => [claim, effect, verdict])).toEqual([
      ['more than in weight-permuted nets', 2, 'supported'],
    ]);
    expect(againstControls([ratio('trained', 0, 3)], options)).toEqual([]);
  });

  it('leaves out controls without a ratio or with too few units, and says too few where none is left', () => {
    const undefinedRatio = ratio('random_init', 3, Number.NaN);
    const thin = ratio('random_init', 4, 50, 9);
    const [kept] = againstControls(
      [ratio('trained', 0, 3), ratio('random_init', 1, 1.5), undefinedRatio, thin],
      options,
    );
    expect(kept!.effect).toBeCloseTo(2, 12);
    const [none] = againstControls([ratio('trained', 0, 3), undefinedRatio, thin], options);
    expect(none).toMatchObject({ effect: null, verdict: 'too few' });
  });
});
