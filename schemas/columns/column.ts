// What a column and a table are, as data: these drive the Arrow schemas, the Parquet metadata and `tessera
// schema`.

/** Bumped when a column of any final table or segment changes. */
export const TABLE_LAYOUT_VERSION = 1;

export type ColumnType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float32'
  | 'float64'
  | 'bool'
  | 'utf8'
  | 'binary'
  | 'fixed[16]'
  | 'list<int32>'
  | 'list<float32>'
  | 'list<float64>'
  | 'dictionary<int32,utf8>'
  | 'timestamp[ms,UTC]';

export interface ColumnDef {
  readonly name: string;
  readonly type: ColumnType;
  /** Physical unit, or what the number counts or names; empty where the name says it all. */
  readonly unit: string;
  readonly nullable: boolean;
  readonly description: string;
}

export interface TableDef {
  readonly name: string;
  /** Where the table lies in the run folder: a file, or a folder of parts (ends in `/`). */
  readonly path: string;
  /** Row order, as a sentence. */
  readonly order: string;
  readonly description: string;
  readonly columns: readonly ColumnDef[];
}

/** A column of numbers. @param nullable - whether rows may lack it. */
export function number(name: string, unit: string, description: string, nullable = false): ColumnDef {
  return { name, type: 'float64', unit, nullable, description };
}

/** A column of numbers that rows may lack. */
export function numberOrNull(name: string, unit: string, description: string): ColumnDef {
  return number(name, unit, description, true);
}

/** First column of every table of an experiment. */
export const MODEL_COLUMN: ColumnDef = {
  name: 'model',
  type: 'utf8',
  unit: '',
  nullable: false,
  description: '`trained`, or a control and its seed such as `random_init:3`.',
};

/** The last column of every final table, so that tables of several runs can be read together. */
export const RUN_ID_COLUMN: ColumnDef = {
  name: 'run_id',
  type: 'utf8',
  unit: '',
  nullable: false,
  description: 'The run that wrote the row.',
};
