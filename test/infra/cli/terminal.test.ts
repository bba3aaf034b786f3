// The live block against an emulated screen: after any sequence of writes only the last block stands there.

import { describe, expect, it } from 'vitest';
import { terminalOn } from '../../../infra/cli/terminal.ts';

const ESCAPE = String.fromCharCode(27);
const TOKEN = new RegExp(`${ESCAPE}\\[\\d*[A-Zm]|[\\s\\S]`, 'g');
const SEQUENCE = new RegExp(`^${ESCAPE}\\[(\\d*)([A-Zm])$`);

/** A screen that understands what we write: text, newlines, carriage returns, up, erase to the end of line or screen. */
class EmulatedScreen {
  readonly isTTY = true;
  columns: number;
  readonly rows = 12;
  readonly lines: string[] = [''];
  writes = 0;
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.columns = columns;
  }

  write(text: string): void {
    this.writes++;
    for (const [token = ''] of text.matchAll(TOKEN)) this.#take(token);
  }

  get text(): string {
    return this.lines.join('\n').trimEnd();
  }

  #take(token: string): void {
    const [, count = '', action] = SEQUENCE.exec(token) ?? [];
    if (action === 'A') this.#row = Math.max(0, this.#row - Number(count));
    else if (action === 'K') this.#replace(this.lines[this.#row]!.slice(0, this.#column));
    else if (action === 'J') {
      this.#replace(this.lines[this.#row]!.slice(0, this.#column));
      this.lines.splice(this.#row + 1);
    } else if (action === 'm') return;
    else if (token === '\r') this.#column = 0;
    else if (token === '\n') this.#newLine();
    else {
      if (this.#column === this.columns) this.#newLine();
      const line = this.lines[this.#row]!.padEnd(this.#column);
      this.#replace(line.slice(0, this.#column) + token + line.slice(this.#column + 1));
      this.#column++;
    }
  }

  #newLine(): void {
    this.#row++;
    this.#column = 0;
    if (this.lines.length <= this.#row) this.lines.push('');
  }

  #replace(line: string): void {
    this.lines[this.#row] = line;
  }

  /** Makes the window narrower; lines that are now too long wrap, as terminals do. */
  narrow(columns: number): void {
    const above = this.lines.slice(0, this.#row);
    const wrapped = above.flatMap((line) => line.match(new RegExp(`.{1,${columns}}`, 'g')) ?? ['']);
    this.lines.splice(0, this.#row, ...wrapped);
    this.#row = wrapped.length;
    this.columns = columns;
  }
}

function openOn(columns: number) {
  const screen = new EmulatedScreen(columns);
  const terminal = terminalOn(screen, { live: true, colours: true, answer: () => undefined });
  return { screen, terminal };
}

describe('the live block', () => {
  it('stands where it stood, whatever its length was before', () => {
    const { screen, terminal } = openOn(40);
    terminal.draw(['one', 'two', 'a third line']);
    terminal.draw(['\x1b[1mshort\x1b[0m']);
    terminal.draw(['x', 'y']);
    expect(screen.text).toBe('x\ny');
    terminal.draw([]);
    expect(screen.text).toBe('');
  });

  it('stays below notes', () => {
    const { screen, terminal } = openOn(40);
    terminal.note('before');
    terminal.draw(['a block', 'of two']);
    terminal.note('a worker died\nand is back');
    terminal.draw(['done']);
    expect(screen.text).toBe('before\na worker died\nand is back\ndone');
  });

  it('leaves nothing behind when the window was made narrower', () => {
    const { screen, terminal } = openOn(40);
    terminal.note('note');
    terminal.draw(['x'.repeat(35), 'y'.repeat(12)]);
    screen.narrow(10);
    terminal.draw(['new']);
    expect(screen.text).toBe('note\nnew');
  });

  it('is one write a change: nothing is erased before its successor is there', () => {
    const { screen, terminal } = openOn(40);
    terminal.draw(['a', 'b']);
    const before = screen.writes;
    terminal.draw(['c', 'd']);
    terminal.note('n');
    expect(screen.writes - before).toBe(2);
  });

  it('never grows beyond the window', () => {
    const { screen, terminal } = openOn(40);
    terminal.draw(Array.from({ length: 30 }, (_, i) => `line ${i}`));
    terminal.draw(['end']);
    expect(screen.text).toBe('end');
  });

  it('has no colours where people do not want them, and none outside a terminal', () => {
    const of = (live: boolean, colours: boolean) =>
      terminalOn(new EmulatedScreen(40), { live, colours, answer: () => undefined }).colours;
    expect([of(true, true), of(true, false), of(false, true)]).toEqual([true, false, false]);
  });
});
