import { describe, expect, it } from 'vitest';
import { claimLines } from '../../../infra/cli/claim-lines.ts';

const CLAIM = {
  claim: 'boundaries are denser between classes',
  experiment: 'density',
  model: 'trained',
  span: 'relu1',
  effect: 0.123456,
  ci_low: 0.1,
  ci_high: 0.15,
  null_effect: 0,
  p_value: 0,
  verdict: 'supported',
  n: 200,
};
const UNKNOWN = {
  ...CLAIM,
  effect: null,
  ci_low: null,
  ci_high: null,
  p_value: null,
  verdict: 'too few',
  n: 3,
};

describe('claimLines', () => {
  it('says nothing where no claim was judged', () => {
    expect(claimLines([])).toEqual([]);
  });

  it('names a claim once, shows the trained model, and counts verdicts of the controls', () => {
    const control = { ...CLAIM, model: 'random_init:1', verdict: 'not shown' };
    const lines = claimLines([
      CLAIM,
      { ...UNKNOWN, span: 'relu2' },
      control,
      { ...control, model: 'random_init:2' },
      { ...control, model: 'weight_permuted:1', verdict: 'reversed' },
    ]);
    expect(lines).toEqual([
      '',
      '  boundaries are denser between classes',
      '    model    span   effect     interval  null         p    n  verdict',
      '    trained  relu1  0.1235  0.1 to 0.15     0  < 0.0001  200  supported',
      '    trained  relu2                          0              3  too few',
      '    controls: 2 not shown, 1 reversed',
    ]);
  });

  it('shows every model where none is the trained one, and leaves long lists to the table', () => {
    const many = Array.from({ length: 20 }, (_, i) => ({
      ...CLAIM,
      model: `before/after ${i}`,
      p_value: 0.04321,
    }));
    const lines = claimLines(many);
    expect(lines).toHaveLength(2 + 1 + 16 + 1);
    expect(lines[3]).toMatch(/before\/after 0 +relu1 .* 0\.043 +200 +supported$/);
    expect(lines.at(-1)).toBe('    and 4 more in claims.parquet');
  });
});
