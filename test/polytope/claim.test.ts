import { describe, expect, it } from 'vitest';
import { bootstrapPValue } from '../../activities/numeric/bootstrap.ts';
import { bootstrapPairs } from '../../activities/numeric/pair-bootstrap.ts';
import { percentileInterval } from '../../activities/numeric/quantiles.ts';
import { judgeFamily } from '../../activities/polytope/claim.ts';
import type { Evidence } from '../../activities/polytope/claim.ts';
import { pairSample } from '../numeric/pair-sample.ts';

const evidence = (over: Partial<Evidence>): Evidence => ({
  claim: 'boundaries are denser between classes than within',
  experiment: 'density',
  model: 'trained',
  span: 'network',
  effect: 0.5,
  interval: { low: 0.2, high: 0.8 },
  nullEffect: 0,
  pValue: 0.001,
  predicted: 'above',
  n: 200,
  ...over,
});

const verdicts = (...family: Partial<Evidence>[]) =>
  judgeFamily(family.map(evidence)).map(({ verdict }) => verdict);

describe('judgeFamily', () => {
  it('supports an effect on the predicted side of the null and reverses one on the other', () => {
    const below = { effect: -0.5, interval: { low: -0.8, high: -0.2 } };
    expect(verdicts({}, { ...below }, { ...below, predicted: 'below' }, { predicted: 'below' })).toEqual([
      'supported',
      'reversed',
      'supported',
      'reversed',
    ]);
  });

  it('shows nothing where the interval holds the null or the corrected p is too large', () => {
    expect(verdicts({ interval: { low: -0.1, high: 1 } })).toEqual(['not shown']);
    expect(verdicts({ interval: { low: 0, high: 1 } })).toEqual(['not shown']);
    expect(verdicts({ nullEffect: 0.3 })).toEqual(['not shown']);
    expect(verdicts({ pValue: 0.03 })).toEqual(['supported']);
    expect(verdicts({ pValue: 0.03 }, { pValue: 0.5 })).toEqual(['not shown', 'not shown']);
  });

  it('calls too few what has few units, no interval or no test, and corrects over the others only', () => {
    const claims = judgeFamily([
      evidence({ n: 9 }),
      evidence({ interval: null }),
      evidence({ pValue: null }),
      evidence({ effect: null }),
      evidence({ pValue: 0.04 }),
    ]);
    expect(claims.map(({ verdict }) => verdict)).toEqual([
      'too few',
      'too few',
      'too few',
      'too few',
      'supported',
    ]);
    expect(claims.map(({ pValue }) => pValue)).toEqual([null, null, null, null, 0.04]);
    expect(judgeFamily([evidence({ n: 9 })], { leastUnits: 5 })[0]!.verdict).toBe('supported');
  });

  it('keeps what was measured', () => {
    expect(judgeFamily([evidence({})])).toEqual([
      {
        claim: 'boundaries are denser between classes than within',
        experiment: 'density',
        model: 'trained',
        span: 'network',
        effect: 0.5,
        ciLow: 0.2,
        ciHigh: 0.8,
        nullEffect: 0,
        pValue: 0.001,
        verdict: 'supported',
        n: 200,
      },
    ]);
  });

  // Oracle 15 of the specification.
  it('claims something in at most 5 % of families of layers without an inter/intra effect', () => {
    let wrong = 0;
    for (let simulation = 0; simulation < 200; simulation++) {
      const family = Array.from({ length: 3 }, (_, layer) => {
        const sample = pairSample(simulation * 3 + layer, { effect: 0, noise: 0.5 });
        const { difference } = bootstrapPairs(sample, { seed: simulation, stream: layer, replicates: 300 });
        return evidence({
          effect: difference.value,
          interval: percentileInterval(difference.replicates, 0.95),
          pValue: bootstrapPValue(difference.replicates, 0),
          n: sample.units,
        });
      });
      if (judgeFamily(family).some(({ verdict }) => verdict !== 'not shown')) wrong++;
    }
    // 10 of 200 where the rate is 5 %, deviation 3.1; the slack is three deviations.
    expect(wrong).toBeLessThanOrEqual(19);
  });

  it('finds a planted inter/intra effect in every layer', () => {
    const family = Array.from({ length: 3 }, (_, layer) => {
      const sample = pairSample(layer, { effect: 2, noise: 0.5 });
      const { difference } = bootstrapPairs(sample, { seed: 1, stream: layer, replicates: 300 });
      return evidence({
        effect: difference.value,
        interval: percentileInterval(difference.replicates, 0.99),
        pValue: bootstrapPValue(difference.replicates, 0),
        n: sample.units,
      });
    });
    expect(judgeFamily(family).map(({ verdict }) => verdict)).toEqual([
      'supported',
      'supported',
      'supported',
    ]);
  });
});
