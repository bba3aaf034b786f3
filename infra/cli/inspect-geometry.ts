// What `tessera inspect` says about exact geometry: operator by operator, and from which spaces it is to be had.

import type { GeometryInfo } from '../../activities/ports.ts';
import { formatTable } from './format.ts';

/** Two tables: what each operator is, and the spaces that paths and planes may start in. */
export function geometryLines({ operators, startSpaces }: GeometryInfo, taps: number): readonly string[] {
  const byOperator = formatTable(
    [{ title: 'operator' }, { title: 'count', align: 'right' }, { title: 'is' }],
    operators.map(({ op, count, kind }) => [op, String(count), kind]),
  );
  if (startSpaces === null)
    return ['', ...byOperator, '', 'Start spaces are known only once data gives the input its shape.', ''];
  const bySpace = formatTable(
    [
      { title: 'start space' },
      { title: 'shape' },
      { title: 'taps behind', align: 'right' },
      { title: 'exact geometry' },
    ],
    startSpaces.map(({ name, shape, tapsBefore, inexact }) => [
      name,
      `[${shape.join(', ')}]`,
      String(taps - tapsBefore),
      inexact.length === 0 ? 'yes' : `no: ${inexact.join(', ')}`,
    ]),
  );
  return ['', ...byOperator, '', ...bySpace, ''];
}
