import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { agreement } from '../../activities/polytope/agreement.ts';
import {
  permuteCodes,
  randomPartition,
  shuffledAgreement,
  shuffledLabels,
  shuffledPurity,
} from '../../activities/polytope/code-controls.ts';

const random = randomStream(40);
const labels = Int32Array.from({ length: 2000 }, () => random.below(10));
const clusters = Int32Array.from(labels, (label) => (random.uniform() < 0.6 ? label % 7 : random.below(12)));

describe('shuffledLabels', () => {
  it('keeps class sizes and which points have a label', () => {
    const some = labels.map((label, i) => (i % 3 === 0 ? -1 : label));
    const shuffled = shuffledLabels(some, 1);
    expect([...shuffled].toSorted()).toEqual([...some].toSorted());
    expect(shuffled.every((label, i) => label < 0 === some[i]! < 0)).toBe(true);
    expect(shuffled).not.toEqual(some);
  });

  // Oracle 15 of the specification.
  it('leaves no agreement: AMI and ARI within 0.02 of 0', () => {
    for (let seed = 0; seed < 5; seed++) {
      const { ami, ari } = agreement(shuffledLabels(labels, seed), clusters);
      expect(Math.abs(ami)).toBeLessThan(0.02);
      expect(Math.abs(ari)).toBeLessThan(0.02);
    }
  });
});

describe('shuffledAgreement', () => {
  it('sees real agreement as the rarest of all, and its chance level as 0', () => {
    const found = shuffledAgreement(labels, clusters, { seed: 1, shuffles: 199 });
    expect(found.observed).toEqual(agreement(labels, clusters));
    expect(found.pValue).toEqual({ nmi: 1 / 200, ami: 1 / 200, ari: 1 / 200 });
    expect(Math.abs(found.chance.ami)).toBeLessThan(0.002);
    expect(Math.abs(found.chance.ari)).toBeLessThan(0.002);
    expect(found.chance.nmi).toBeGreaterThan(0);
  });

  it('does not reject where there is none', () => {
    let rejected = 0;
    for (let run = 0; run < 100; run++) {
      const none = shuffledLabels(labels.subarray(0, 200), run, 5);
      if (shuffledAgreement(none, clusters.subarray(0, 200), { seed: run, shuffles: 39 }).pValue.ami <= 0.05)
        rejected++;
    }
    // 5 expected, deviation 2.2.
    expect(rejected).toBeLessThanOrEqual(12);
  });
});

describe('shuffledPurity', () => {
  it('tells a pure cluster from one that any points would make', () => {
    const own = Int32Array.from({ length: 400 }, (_, i) => i % 4);
    const found = Int32Array.from({ length: 400 }, (_, i) =>
      i < 40 ? (i % 4 === 0 ? 0 : -1) : i < 80 ? 1 : -1,
    );
    const [pure, mixed, empty] = shuffledPurity(
      Int32Array.from([...found, 2]),
      { classOf: Int32Array.from([...own, -1]), classes: 4 },
      { seed: 1, shuffles: 99 },
    );
    expect(pure).toBe(1 / 100);
    expect(mixed).toBe(1);
    expect(empty).toBeNaN();
  });
});

describe('permuteCodes', () => {
  const rows = 500;
  // Bits 0 .. 31 equal in every row; bit 40 always on; the rest of the second word is padding.
  const words = new Uint32Array(rows * 2);
  for (let row = 0; row < rows; row++) {
    words[row * 2] = random.uniform() < 0.3 ? 0xffffffff : 0;
    words[row * 2 + 1] = 1 << 8;
  }
  const permuted = permuteCodes({ words, rows, wordsPerRow: 2 }, 3);
  const bit = (codes: Uint32Array, row: number, j: number) => (codes[row * 2 + (j >>> 5)]! >>> (j & 31)) & 1;
  const rate = (codes: Uint32Array, j: number) => {
    let on = 0;
    for (let row = 0; row < rows; row++) on += bit(codes, row, j);
    return on;
  };

  it('keeps how often each bit is on, pad bits off', () => {
    for (let j = 0; j < 64; j++) expect(rate(permuted.words, j)).toBe(rate(words, j));
  });

  it('destroys which bits are on together', () => {
    let agree = 0;
    for (let row = 0; row < rows; row++)
      if (bit(permuted.words, row, 3) === bit(permuted.words, row, 17)) agree++;
    // 0.3^2 + 0.7^2 = 0.58 of 500 is 290, deviation 11.
    expect(Math.abs(agree - 290)).toBeLessThan(45);
  });

  it('depends on the seed alone and refuses words that do not fit', () => {
    expect(permuteCodes({ words, rows, wordsPerRow: 2 }, 3).words).toEqual(permuted.words);
    expect(permuteCodes({ words, rows, wordsPerRow: 2 }, 4).words).not.toEqual(permuted.words);
    expect(() => permuteCodes({ words, rows, wordsPerRow: 3 }, 3)).toThrow(RangeError);
  });
});

describe('randomPartition', () => {
  it('keeps cluster sizes', () => {
    const drawn = randomPartition(clusters, 2);
    expect([...drawn].toSorted()).toEqual([...clusters].toSorted());
    expect(drawn).not.toEqual(clusters);
  });
});
