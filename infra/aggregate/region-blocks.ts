// Region rows as column blocks and back, without copying.

import { columnOf, int32Of } from '../arrow/column-block.ts';
import type { ColumnBlock } from '../arrow/column-block.ts';
import { wordsOf } from '../arrow/code-rows.ts';
import type { RegionRows } from '../../activities/polytope/region-rows.ts';

/** Regions with the columns of a segment. */
export function regionBlock(regions: RegionRows): ColumnBlock {
  const { rows, digest, classOffsets, exemplarOffsets } = regions;
  const fixed = { offsets: null, validity: null };
  return {
    rows,
    columns: new Map([
      ['span', { values: regions.span, ...fixed }],
      ['digest', { values: new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength), ...fixed }],
      ['words', { values: regions.words, offsets: regions.wordOffsets, validity: null }],
      ['count', { values: regions.count, ...fixed }],
      ['first_point_id', { values: regions.firstPointId, ...fixed }],
      ['class_ids', { values: regions.classIds, offsets: classOffsets, validity: null }],
      ['class_counts', { values: regions.classCounts, offsets: classOffsets, validity: null }],
      ['exemplar_point_ids', { values: regions.exemplars, offsets: exemplarOffsets, validity: null }],
    ]),
  };
}

/** The regions of a block with the columns of a segment. */
export function regionRows(block: ColumnBlock): RegionRows {
  const words = columnOf(block, 'words');
  return {
    rows: block.rows,
    span: columnOf(block, 'span').values as Int16Array,
    digest: wordsOf(columnOf(block, 'digest').values),
    wordOffsets: words.offsets!,
    words: words.values as Uint8Array,
    count: int32Of(block, 'count'),
    firstPointId: int32Of(block, 'first_point_id'),
    classOffsets: columnOf(block, 'class_ids').offsets!,
    classIds: int32Of(block, 'class_ids'),
    classCounts: int32Of(block, 'class_counts'),
    exemplarOffsets: columnOf(block, 'exemplar_point_ids').offsets!,
    exemplars: int32Of(block, 'exemplar_point_ids'),
  };
}
