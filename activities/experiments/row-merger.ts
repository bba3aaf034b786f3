// Rows of several collectors as one, in the order in which they are added.

import type { Cell, TableRows } from './experiment.ts';

export class RowMerger {
  readonly #tables = new Map<string, { rows: number; columns: Map<string, Cell[]> }>();

  /** Appends rows to those of the same tables. */
  add(tables: readonly TableRows[]): void {
    for (const { table, rows, columns } of tables) {
      const merged = this.#tables.get(table) ?? { rows: 0, columns: new Map<string, Cell[]>() };
      this.#tables.set(table, merged);
      merged.rows += rows;
      for (const [name, cells] of Object.entries(columns)) {
        const all = merged.columns.get(name) ?? [];
        merged.columns.set(name, all);
        for (let row = 0; row < rows; row++) all.push(cells[row]!);
      }
    }
  }

  /** What was added since the last call. */
  take(): TableRows[] {
    const taken = Array.from(this.#tables, ([table, { rows, columns }]) => ({
      table,
      rows,
      columns: Object.fromEntries(columns),
    }));
    this.#tables.clear();
    return taken;
  }
}
