// The codes of a slice: polygons of one code taken together.

import { hammingOneNeighbours } from './hamming-neighbours.ts';
import type { SlicePartition } from './slice-polygons.ts';

/** One code of a slice. */
export interface SliceRegion {
  /** `[4]` */
  readonly digest: Uint32Array;
  /** Ascending. */
  readonly polygons: readonly number[];
  /** Polygons of each class, ascending; null where the net ends in a tap. */
  readonly classes: ReadonlyMap<number, number> | null;
  /** Other codes of the slice that differ in one bit; null where counting would take too long. */
  readonly neighbours: number | null;
  /** Plane units squared. */
  readonly area: number;
  /** Frobenius norm of the map to the outputs, weighted by area; null where the net ends in a tap. */
  readonly jacobianNorm: number | null;
}

/** Look-ups of neighbours that a slice may cost: bits times codes. */
const MOST_LOOKUPS = 2 ** 25;

/** Regions by their first polygon. */
export function sliceRegions({ polygons, outputWidth }: SlicePartition): SliceRegion[] {
  const { count, digests } = polygons;
  const members = new Map<string, number[]>();
  for (let polygon = 0; polygon < count; polygon++) {
    const key = digests.subarray(4 * polygon, 4 * polygon + 4).join();
    const known = members.get(key);
    if (known === undefined) members.set(key, [polygon]);
    else known.push(polygon);
  }
  const groups = [...members.values()];
  const neighbours = neighboursOf(groups, polygons);
  return groups.map((group, region): SliceRegion => {
    const area = group.reduce((sum, polygon) => sum + polygons.areas[polygon]!, 0);
    const slope = group.reduce(
      (sum, polygon) => sum + polygons.areas[polygon]! * polygons.jacobianNorms[polygon]!,
      0,
    );
    return {
      digest: polygons.digests.slice(4 * group[0]!, 4 * group[0]! + 4),
      polygons: group,
      classes: outputWidth === 0 ? null : countsOf(group, polygons.classes),
      neighbours: neighbours?.[region] ?? null,
      area,
      jacobianNorm: outputWidth === 0 ? null : slope / area,
    };
  });
}

function neighboursOf(
  groups: readonly (readonly number[])[],
  { codes, codeWords }: SlicePartition['polygons'],
): Int32Array | null {
  const codeBits = 32 * codeWords;
  if (codes === null || codeBits * groups.length > MOST_LOOKUPS) return null;
  const words = new Uint32Array(groups.length * codeWords);
  groups.forEach(([first], region) => {
    words.set(codes.subarray(first! * codeWords, (first! + 1) * codeWords), region * codeWords);
  });
  return hammingOneNeighbours({ words, rows: groups.length, wordsPerRow: codeWords }, codeBits);
}

function countsOf(group: readonly number[], classOf: Int32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const polygon of group) counts.set(classOf[polygon]!, (counts.get(classOf[polygon]!) ?? 0) + 1);
  return new Map([...counts].sort(([a], [b]) => a - b));
}
