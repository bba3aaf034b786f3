// Labels: integers stay, strings become class ids in sorted order.

import { byCodeUnit } from './globs.ts';
import { dataInvalid } from './faults.ts';

export interface LabelSummary {
  readonly labelNames: readonly string[] | null;
  readonly classes: number | null;
}

export type RawLabel = string | number | bigint | boolean | null | undefined;

export const NO_LABELS: LabelSummary = { labelNames: null, classes: null };

/** More distinct strings than this are not class labels; also what bounds the memory of planning. */
const MAX_CLASSES = 1_000_000;

/** Collects the labels seen by planning. */
export class LabelTally {
  readonly #names = new Set<string>();
  #max = -1;
  #integers = false;

  /**
   * @param where - file and row, for messages. @throws PipelineError `data-invalid` for anything that is no
   * label.
   */
  add(raw: RawLabel, where: string): void {
    if (raw === null || raw === undefined) return;
    if (typeof raw === 'string') {
      this.#names.add(raw);
      if (this.#names.size > MAX_CLASSES)
        throw dataInvalid(where, `more than ${MAX_CLASSES} distinct labels`);
    } else {
      this.#max = Math.max(
        this.#max,
        integerLabel(raw, () => where),
      );
      this.#integers = true;
    }
    if (this.#integers && this.#names.size > 0) {
      throw dataInvalid(where, 'labels are partly strings and partly integers', { value: String(raw) });
    }
  }

  /** Takes over another tally's labels. */
  merge({ labelNames, classes }: LabelSummary, where: string): void {
    for (const name of labelNames ?? []) this.add(name, where);
    if (labelNames === null && classes !== null && classes > 0) this.add(classes - 1, where);
  }

  finish(): LabelSummary {
    if (this.#names.size === 0) return { labelNames: null, classes: this.#max + 1 };
    return { labelNames: [...this.#names].sort(byCodeUnit), classes: this.#names.size };
  }
}

/** Turns labels into class ids while reading. */
export class LabelCodes {
  readonly #ids: ReadonlyMap<string, number> | null;

  constructor(labelNames: readonly string[] | null) {
    this.#ids = labelNames === null ? null : new Map(labelNames.map((name, id) => [name, id]));
  }

  /**
   * @param where - file and row, only asked for in a failure: this runs once per token.
   * @returns the class id, -1 for none.
   * @throws PipelineError `data-invalid` for a label that planning did not see.
   */
  idOf(raw: RawLabel, where: () => string): number {
    if (raw === null || raw === undefined) return -1;
    if (typeof raw !== 'string') return integerLabel(raw, where);
    const id = this.#ids?.get(raw);
    if (id === undefined) throw dataInvalid(where(), 'a label that planning did not see', { value: raw });
    return id;
  }
}

function integerLabel(raw: number | bigint | boolean, where: () => string): number {
  const value = Number(raw);
  if (Number.isInteger(value) && value >= -1 && value <= 0x7fffffff) return value;
  throw dataInvalid(where(), 'a label is not an integer from -1 to 2147483647', { value: String(raw) });
}
