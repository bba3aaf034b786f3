import { describe, expect, it } from 'vitest';
import { partitionChanges } from '../../activities/polytope/partition-changes.ts';

describe('partitionChanges', () => {
  // Points:              0    1    2    3    4    5    6    7
  const before = ['a', 'a', 'a', 'b', 'b', 'c', 'd', null];
  const after = ['a', 'a', 'e', 'f', 'f', 'e', 'd', 'g'];
  const labels = Int32Array.of(0, 0, 1, 1, 1, 1, 0, 0);
  const changes = partitionChanges({ before, after, labels });

  it('counts codes kept, gained and lost over points with a code in both', () => {
    expect([changes.points, changes.regionsBefore, changes.regionsAfter]).toEqual([7, 4, 4]);
    // a and d stay; b and c go; e and f come (g holds no point with a code before).
    expect([changes.kept, changes.gained, changes.lost]).toEqual([2, 2, 2]);
  });

  it('knows regions by their points: split, merged, unchanged under another code', () => {
    // a loses point 2 to e, where it meets point 5 of c; b is f.
    expect([changes.split, changes.merged, changes.unchanged]).toEqual([1, 1, 1]);
    expect(
      changes.fates.map(({ name, count, parts, largestPart }) => [name, count, parts, largestPart]),
    ).toEqual([
      ['a', 3, 2, 2],
      ['b', 2, 1, 2],
    ]);
  });

  it('weights purity by points, over regions of two labelled points or more', () => {
    // a: 2 of 3, b: 2 of 2; then a, e, f: all pure.
    expect(changes.purityBefore).toBeCloseTo(4 / 5, 12);
    expect(changes.purityAfter).toBe(1);
    expect(changes.fates[0]!.purity).toBeCloseTo(2 / 3, 12);
    expect(changes.fates[0]!.purityOfParts).toBe(1);
  });

  it('compares how often others of the region have the class of a point that shares its region both times', () => {
    // Points 0, 1: 1/2 then 1; point 2: 0 then 1; points 3, 4: 1 then 1; points 5 and 6 are alone at least once.
    expect([...changes.agreement.before]).toEqual([0.5, 0.5, 0, 1, 1]);
    expect([...changes.agreement.after]).toEqual([1, 1, 1, 1, 1]);
  });

  it('finds nothing changed between a partition and itself', () => {
    const same = partitionChanges({ before, after: before, labels });
    expect([same.gained, same.lost, same.split, same.merged]).toEqual([0, 0, 0, 0]);
    expect([same.kept, same.unchanged]).toEqual([4, 2]);
  });

  it('has no purity without labels', () => {
    const bare = partitionChanges({ before, after, labels: new Int32Array(8).fill(-1) });
    expect([bare.purityBefore, bare.purityAfter, bare.fates[0]!.purity]).toEqual([null, null, null]);
    expect(bare.agreement.before.length).toBe(0);
  });
});
