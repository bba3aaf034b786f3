// Which messages of which tasks have been seen: what makes a repeated message harmless.

/** Messages of a task are numbered from 0; the last one says that it is the last. */
export class TaskWatermarks {
  readonly #seen = new Map<number, Set<number>>();
  readonly #ends = new Map<number, number>();

  /** Notes a message; false where it was seen before. */
  add(task: number, number: number, isEnd: boolean): boolean {
    const numbers = this.#seen.get(task) ?? new Set<number>();
    this.#seen.set(task, numbers);
    if (numbers.has(number)) return false;
    numbers.add(number);
    if (isEnd) this.#ends.set(task, number);
    return true;
  }

  /** True when the end was seen and everything before it. */
  isComplete(task: number): boolean {
    const end = this.#ends.get(task);
    return end !== undefined && this.#seen.get(task)?.size === end + 1;
  }
}
