// Which columns of a Parquet file are the input and the label, and the SQL that reads them.

import type { DatasetConfig } from '#schemas/config.ts';
import { configInvalid } from './faults.ts';
import { quoted } from './parquet-query.ts';

export interface ParquetColumn {
  readonly name: string;
  /** DuckDB's name of the type. */
  readonly type: string;
}

export interface ParquetInput {
  /** Encoded images as BLOB, or values as a list of numbers. */
  readonly kind: 'image' | 'values';
  readonly sql: string;
  /** Length of every row where it is known without reading. */
  readonly length: number | null;
  /** Label as VARCHAR or DOUBLE; null without labels. */
  readonly labelSql: string | null;
}

/** Types that reach JavaScript as plain numbers without a cast. */
const PLAIN = /^(U?TINYINT|U?SMALLINT|U?INTEGER|FLOAT|DOUBLE)$/;

const NUMBER = /^(BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/**
 * Chooses columns: `dataset.column` (image bytes, a struct with a field `bytes`, lists of numbers at any
 * depth, a number),
 * or without it every numeric column but the label, in file order.
 * @throws PipelineError `config-invalid` naming the key, with the columns that there are.
 */
export function chooseColumns(
  columns: readonly ParquetColumn[],
  { column, labels }: Pick<DatasetConfig, 'column' | 'labels'>,
  file: string,
): ParquetInput {
  const labelSql = labelOf(columns, labels, file);
  if (column !== undefined)
    return { ...inputOf(find(columns, { key: 'column', name: column, file }), file), labelSql };
  const numeric = columns.filter(({ name, type }) => name !== labels && NUMBER.test(type));
  if (numeric.length === 0) {
    throw configInvalid('dataset.column', 'no column holds plain numbers; name the column of the input', {
      value: listed(columns),
    });
  }
  const values = numeric.map(({ name }) => `${quoted(name)}::DOUBLE`);
  return { kind: 'values', sql: `[${values.join(', ')}]`, length: numeric.length, labelSql };
}

function inputOf({ name, type }: ParquetColumn, file: string): Omit<ParquetInput, 'labelSql'> {
  const column = quoted(name);
  if (type === 'BLOB') return { kind: 'image', sql: column, length: null };
  if (/^STRUCT\((?:.*, )?"?bytes"? BLOB[,)]/.test(type))
    return { kind: 'image', sql: `${column}."bytes"`, length: null };
  if (NUMBER.test(type)) return { kind: 'values', sql: `[${column}::DOUBLE]`, length: 1 };
  const [, element, brackets] = /^(.*?)((?:\[\d*\])+)$/.exec(type) ?? [];
  if (element !== undefined && brackets !== undefined && NUMBER.test(element)) {
    const depth = brackets.split('[').length - 1;
    const flat = `${'flatten('.repeat(depth - 1)}${column}${')'.repeat(depth - 1)}`;
    // Fixed-size lists become plain ones, so that rows come as one kind of vector.
    return { kind: 'values', sql: `${flat}::${PLAIN.test(element) ? element : 'DOUBLE'}[]`, length: null };
  }
  throw configInvalid('dataset.column', `column ${name} of ${file} holds neither images nor numbers`, {
    value: type,
  });
}

function labelOf(
  columns: readonly ParquetColumn[],
  labels: DatasetConfig['labels'],
  file: string,
): string | null {
  if (labels === undefined) return null;
  if (typeof labels !== 'string') {
    throw configInvalid('dataset.labels', 'one column name is wanted', { value: labels.join(', ') });
  }
  const { name, type } = find(columns, { key: 'labels', name: labels, file });
  if (type === 'VARCHAR' || type.startsWith('ENUM(')) return `${quoted(name)}::VARCHAR`;
  if (NUMBER.test(type)) return `${quoted(name)}::DOUBLE`;
  throw configInvalid('dataset.labels', `column ${name} of ${file} holds no labels`, { value: type });
}

function find(
  columns: readonly ParquetColumn[],
  { key, name, file }: { key: string; name: string; file: string },
): ParquetColumn {
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  throw configInvalid(`dataset.${key}`, `${file} has no such column`, {
    value: name,
    remedy: `Columns: ${listed(columns)}`,
  });
}

function listed(columns: readonly ParquetColumn[]): string {
  return columns.map(({ name, type }) => `${name} ${type}`).join(', ');
}
