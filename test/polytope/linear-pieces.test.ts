import { describe, expect, it } from 'vitest';
import {
  classChanges,
  cosineAt,
  firstBelow,
  linearisationError,
  outputsAt,
  validityOf,
} from '../../activities/polytope/linear-pieces.ts';

// Two outputs: (t, 0) up to 0.5, then (0.5, t - 0.5) up to 0.75, then both fall by 1 per unit.
const corner = {
  t: Float64Array.of(0, 0.5, 0.75, 1),
  outputs: Float64Array.of(0, 0, 0.5, 0, 0.5, 0.25, 0.25, 0),
  width: 2,
};

describe('outputs along a path', () => {
  it('are interpolated between breakpoints', () => {
    expect([...outputsAt(corner, 0.25)]).toEqual([0.25, 0]);
    expect([...outputsAt(corner, 0.5)]).toEqual([0.5, 0]);
    expect([...outputsAt(corner, 1)]).toEqual([0.25, 0]);
  });

  it('change class where another output passes, also twice in one piece', () => {
    const pieces = {
      t: Float64Array.of(0, 1),
      // 0 falls from 3 to 0, 1 rises from 2 to 3 (meets 0 at 1/4), 2 rises from 0 to 6 (meets 1 at 2/5).
      outputs: Float64Array.of(3, 2, 0, 0, 3, 6),
      width: 3,
    };
    const changes = classChanges(pieces);
    expect(changes.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(changes[0]!.t).toBeCloseTo(0.25, 14);
    expect(changes[1]!.t).toBeCloseTo(0.4, 14);
  });

  it('keep their class where outputs only touch', () => {
    expect(
      classChanges({ t: Float64Array.of(0, 0.5, 1), outputs: Float64Array.of(1, 0, 1, 1, 1, 0), width: 2 }),
    ).toEqual([]);
  });

  it('agree with a dense grid on random pieces', () => {
    const values = Float64Array.from({ length: 8 * 5 }, (_, i) => Math.sin(12.9898 * i) * 3);
    const pieces = { t: Float64Array.from({ length: 8 }, (_, i) => i / 7), outputs: values, width: 5 };
    const classAt = (t: number) => {
      const logits = outputsAt(pieces, t);
      return logits.indexOf(Math.max(...logits));
    };
    const seen: number[] = [classAt(0)];
    for (let i = 1; i <= 20_000; i++) if (classAt(i / 20_000) !== seen.at(-1)) seen.push(classAt(i / 20_000));
    const changes = classChanges(pieces);
    expect([changes[0]!.from, ...changes.map(({ to }) => to)]).toEqual(seen);
  });
});

describe('validity of the map at the start', () => {
  const validity = validityOf(corner);

  it('is the cosine of slopes, piece by piece', () => {
    expect([...validity.slope]).toEqual([1, 0]);
    expect(cosineAt(validity, 0.2)).toBe(1);
    expect(cosineAt(validity, 0.6)).toBeCloseTo(0, 15);
    expect(cosineAt(validity, 0.8)).toBeCloseTo(-Math.SQRT1_2, 14);
  });

  it('ends where the cosine falls below a threshold', () => {
    expect(firstBelow(validity, 0.9)).toBe(0.5);
    expect(firstBelow(validity, -0.5)).toBe(0.75);
    expect(firstBelow(validity, -0.9)).toBeNull();
  });

  it('has the error of the linear prediction over its length', () => {
    expect(linearisationError(corner, validity, 0.5)).toBe(0);
    // At 0.75 the line says (0.75, 0), the outputs are (0.5, 0.25).
    expect(linearisationError(corner, validity, 0.75)).toBeCloseTo(Math.hypot(0.25, 0.25) / 0.75, 14);
  });

  it('ends where the outputs come to a stand', () => {
    const stopping = { t: Float64Array.of(0, 0.5, 1), outputs: Float64Array.of(1, 2, 2), width: 1 };
    expect(cosineAt(validityOf(stopping), 0.75)).toBe(0);
    expect(firstBelow(validityOf(stopping), 0.9)).toBe(0.5);
  });

  it('has no cosine and no error where nothing moves at the start', () => {
    const flat = { t: Float64Array.of(0, 0.5, 1), outputs: Float64Array.of(1, 1, 2), width: 1 };
    expect(cosineAt(validityOf(flat), 0.75)).toBeNull();
    expect(linearisationError(flat, validityOf(flat), 0.75)).toBeNull();
  });
});
