import { describe, expect, it } from 'vitest';
import {
  isBefore,
  nextPlace,
  type Place,
  type SegmentCuts,
  START,
  sweepAt,
} from '../../../activities/metflow/chains/place.ts';

function way(cuts: SegmentCuts): Place[] {
  const places: Place[] = [];
  for (let at = nextPlace(START, cuts); at !== null; at = nextPlace(at, cuts)) places.push(at);
  return places;
}

describe('segments', () => {
  it('cut the warm-up, then the draws, each at multiples and at its end', () => {
    expect(way({ warmup: 25, every: 10, ends: [15] })).toEqual([
      { warmed: 10, drawn: 0 },
      { warmed: 20, drawn: 0 },
      { warmed: 25, drawn: 0 },
      { warmed: 25, drawn: 10 },
      { warmed: 25, drawn: 15 },
    ]);
  });

  it('need no warm-up', () => {
    expect(way({ warmup: 0, every: 10, ends: [10] })).toEqual([{ warmed: 0, drawn: 10 }]);
  });

  it('are cut at an old end too, so that an extended run has the parts of the short one', () => {
    const short = way({ warmup: 5, every: 10, ends: [25] });
    const long = way({ warmup: 5, every: 10, ends: [25, 42] });
    expect(long.slice(0, short.length)).toEqual(short);
    expect(long.slice(short.length).map(({ drawn }) => drawn)).toEqual([30, 40, 42]);
  });

  it('follow each other, and their sweeps do so without gap or overlap', () => {
    const places = [START, ...way({ warmup: 7, every: 3, ends: [8, 9] })];
    for (const [i, place] of places.slice(1).entries()) {
      expect(isBefore(places[i]!, place)).toBe(true);
      expect(isBefore(place, places[i]!)).toBe(false);
    }
    expect(sweepAt({ warmed: 7, drawn: 0 }, 4)).toBe(7);
    expect(sweepAt({ warmed: 7, drawn: 9 }, 4)).toBe(43);
  });
});
