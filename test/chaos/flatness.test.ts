import { describe, expect, it } from 'vitest';
import { isFlat, trendOf } from './flatness.ts';

describe('trendOf', () => {
  it('gives slope and interval of a regression line', () => {
    // By hand: x 0..4, y 1 3 2 5 4; slope 0.8, residual sum of squares 3.6, standard error sqrt(1.2 / 10), t(0.975, 3) = 3.18245.
    const trend = trendOf([1, 3, 2, 5, 4].map((value, hours) => [hours, value] as const));
    expect(trend.mean).toBe(3);
    expect(trend.slope).toBeCloseTo(0.8, 12);
    expect(trend.high - trend.slope).toBeCloseTo(3.18245 * Math.sqrt(0.12), 4);
    expect(trend.low).toBeCloseTo(0.8 - 3.18245 * Math.sqrt(0.12), 4);
  });

  it('needs three samples', () => {
    expect(() =>
      trendOf([
        [0, 1],
        [1, 2],
      ]),
    ).toThrow('2 samples');
  });
});

describe('isFlat', () => {
  const over = { hours: 2, share: 0.1 };

  it('calls noise flat and a leak not', () => {
    const noise = [500, 505, 498, 503, 501, 499, 502, 500];
    const leak = noise.map((value, i) => value + 20 * i);
    const [flat, growing] = [noise, leak].map((values) =>
      trendOf(values.map((value, i) => [i / 8, value] as const)),
    );
    expect(isFlat(flat!, over)).toBe(true);
    expect(isFlat(growing!, over)).toBe(false);
  });

  it('lets pass what surely grows, but too little to matter', () => {
    const values = [500, 500.1, 500.2, 500.3, 500.4];
    const trend = trendOf(values.map((value, i) => [i / 5, value] as const));
    expect(trend.low).toBeGreaterThan(0);
    expect(isFlat(trend, over)).toBe(true);
  });
});
