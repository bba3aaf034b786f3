import { describe, expect, it } from 'vitest';
import { addDraw, emptyTally, finishTally, meanAndError } from '../../activities/metflow/vae/likelihood.ts';
import { type JudgedTraining, likelihoodRows } from '../../activities/metflow/vae/likelihood-rows.ts';
import { ImageBatches, testImages } from '../../activities/metflow/vae/image-batches.ts';
import { randomStream } from '../../activities/numeric/rng.ts';

describe('the tally of importance weights', () => {
  it('holds what all weights at once would, whatever their size and order', () => {
    const random = randomStream(5);
    const logs = Array.from({ length: 200 }, () => [
      -3 + random.normal(),
      -1e4 + 30 * random.normal(),
      random.uniform() < 0.3 ? Number.NEGATIVE_INFINITY : 900 + random.normal(),
    ]);
    const tally = logs.reduce((before, draw) => addDraw(before, draw), emptyTally(3));
    const found = finishTally(tally);
    for (const image of [0, 1, 2]) {
      const own = logs.map((draw) => draw[image]!);
      const top = Math.max(...own);
      const weights = own.map((value) => Math.exp(value - top));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      expect(found.logLikelihood[image]).toBeCloseTo(top + Math.log(total / 200), 9);
      // The relative variance of the mean weight, from its textbook form.
      const spread = weights.reduce((sum, weight) => sum + (weight - total / 200) ** 2, 0) / 200 ** 2;
      expect(found.variance[image]).toBeCloseTo(spread / (total / 200) ** 2, 9);
    }
    expect(found.bound[0]).toBeCloseTo(logs.reduce((sum, draw) => sum + draw[0]!, 0) / 200, 10);
    expect(found.bound[2]).toBe(Number.NEGATIVE_INFINITY);
  });

  it('counts NaN as a weight of 0', () => {
    const tally = addDraw(addDraw(emptyTally(1), [Number.NaN]), [Math.log(4)]);
    expect(finishTally(tally).logLikelihood[0]).toBeCloseTo(Math.log(2), 12);
  });
});

describe('the rows of a comparison', () => {
  const judged = (model: string, seed: number, logLikelihood: number[]): JudgedTraining => {
    const each = Float64Array.from(logLikelihood);
    const images = {
      ...{ draws: 10, bound: each.map((value) => value - 1), logLikelihood: each },
      ...{ variance: each.map(() => 0.04), effectiveDraws: Float64Array.of(3, 9, 5) },
    };
    return { model, seed, parameters: 7, updates: 20, images };
  };
  const rows = likelihoodRows([
    judged('vae', 1, [-100, -50, -60]),
    judged('vae', 2, [-102, -51, -60]),
    judged('metflow', 1, [-98, -49, -57]),
    judged('metflow', 2, [-101, -50, -56]),
  ]);

  it('compare each training with the first model on the same images and seed', () => {
    const row = rows.find(({ model, seed }) => model === 'metflow' && seed === 1)!;
    // Differences 2, 1, 3: mean 2, standard deviation 1.
    expect(row.difference).toBeCloseTo(2, 12);
    expect(row.difference_se).toBeCloseTo(1 / Math.sqrt(3), 12);
    expect(row.log_likelihood).toBeCloseTo(-68, 12);
    expect(row.monte_carlo_se).toBeCloseTo(Math.sqrt(0.12) / 3, 12);
    expect(row.median_ess).toBe(5);
    expect(rows[0]).toMatchObject({ model: 'vae', seed: 1, difference: null, trainings: 1 });
  });

  it('end each model with all its seeds, whose error is that of a mean of trainings', () => {
    const all = rows.filter(({ seed }) => seed === null);
    expect(all.map(({ model, trainings }) => [model, trainings])).toEqual([
      ['vae', 2],
      ['metflow', 2],
    ]);
    // Seeds give 2 and (1 + 1 + 4) / 3 = 2: they agree.
    expect(all[1]!.difference).toBeCloseTo(2, 12);
    expect(all[1]!.difference_se).toBeCloseTo(0, 12);
    const own = [-68, -207 / 3];
    expect(all[1]!.log_likelihood_se).toBeCloseTo(meanAndError(own).se, 12);
    const single = likelihoodRows([judged('vae', 1, [-1, -2, -3])]).at(-1)!;
    expect(single).toMatchObject({ seed: null, log_likelihood_se: null, difference: null });
  });
});

describe('batches of images', () => {
  const images = { rows: 10, pixels: 3, grey: Float32Array.from({ length: 30 }, (_, at) => (at % 3) / 2) };

  it('go through all images once an epoch, and are functions of seed and update', () => {
    const own = { rows: 8, pixels: 8, grey: new Float32Array(64) };
    // Image i is the picture of its number.
    for (let i = 0; i < 8; i++) own.grey[9 * i] = 1;
    const options = { batch: 2, seed: 3, type: 'float64' } as const;
    const batches = new ImageBatches(own, options);
    const number = (x: ArrayLike<number>) => [0, 1].map((row) => Array.from(x).indexOf(1, 8 * row) - 8 * row);
    const epochs = [0, 1].map((epoch) => [0, 1, 2, 3].flatMap((at) => number(batches.at(4 * epoch + at))));
    for (const epoch of epochs) expect(epoch.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(new ImageBatches(own, options).at(5)).toEqual(batches.at(5));
    expect(() => new ImageBatches(own, { ...options, batch: 9 })).toThrow(RangeError);
  });

  it('light a pixel as often as its grey value says', () => {
    const batches = new ImageBatches(images, { batch: 10, seed: 1, type: 'float32' });
    let lit = 0;
    for (let step = 0; step < 200; step++) {
      for (const [at, value] of batches.at(step).entries()) {
        if (at % 3 === 0) expect(value).toBe(0);
        if (at % 3 === 2) expect(value).toBe(1);
        if (at % 3 === 1) lit += value;
      }
    }
    // |z| < 4 for 2,000 fair coins: false alarm 6e-5.
    expect(Math.abs(lit - 1000) / Math.sqrt(500)).toBeLessThan(4);
    expect(testImages(images, 4, 'float32')).toEqual(testImages(images, 4, 'float32'));
  });
});
