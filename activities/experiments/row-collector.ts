// Rows of a table, collected column by column.

import type { TableDef } from '#schemas/columns/column.ts';
import type { Cell, TableRows } from './experiment.ts';

/** A row by column name, without `run_id`. */
export type Row = Readonly<Record<string, Cell>>;

export class RowCollector {
  readonly #table: string;
  readonly #names: readonly string[];
  #columns: Record<string, Cell[]>;
  #rows = 0;

  constructor({ name, columns }: TableDef) {
    this.#table = name;
    this.#names = columns.map((column) => column.name).filter((column) => column !== 'run_id');
    this.#columns = this.#emptyColumns();
  }

  get rows(): number {
    return this.#rows;
  }

  /** Adds a row that has a cell for every column of the table. */
  add(row: Row): void {
    for (const name of this.#names) {
      const cell = row[name];
      if (cell === undefined) throw new Error(`a row of ${this.#table} lacks ${name}`);
      this.#columns[name]!.push(cell);
    }
    this.#rows++;
  }

  /** What was added since the last call. */
  take(): TableRows {
    const taken = { table: this.#table, rows: this.#rows, columns: this.#columns };
    this.#columns = this.#emptyColumns();
    this.#rows = 0;
    return taken;
  }

  #emptyColumns(): Record<string, Cell[]> {
    return Object.fromEntries(this.#names.map((name) => [name, []]));
  }
}
