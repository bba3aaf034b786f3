// Where the command line writes: people's text on stderr, answers on stdout.

import { stripVTControlCharacters } from 'node:util';

/** What a command needs of the terminal; tests give it a recording one. */
export interface Terminal {
  /** Whether people's text goes to a live terminal that can be redrawn. */
  readonly live: boolean;
  /** Whether the live block may be coloured. */
  readonly colours: boolean;
  readonly columns: number;
  /** One line for people, on stderr, above the live block. */
  note(line: string): void;
  /** An answer, on stdout. */
  answer(text: string): void;
  /** Replaces the live block, on stderr; an empty list removes it. */
  draw(lines: readonly string[]): void;
}

/** The part of a stream that a live block is drawn on. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** The real terminal of this process. */
export function processTerminal(): Terminal {
  const { TERM, NO_COLOR } = process.env;
  return terminalOn(process.stderr, {
    live: process.stderr.isTTY === true && TERM !== 'dumb',
    colours: NO_COLOR === undefined || NO_COLOR === '',
    answer: (text) => process.stdout.write(`${text}\n`),
  });
}

/** A terminal on a screen. Every change is one write that overwrites what stood there, so that nothing flickers. */
export function terminalOn(
  screen: Screen,
  {
    live,
    colours,
    answer,
  }: { readonly live: boolean; readonly colours: boolean; readonly answer: (text: string) => unknown },
): Terminal {
  let drawn: readonly string[] = [];
  const columns = () => screen.columns ?? 100;
  const redraw = (lines: readonly string[], above = '') => {
    // Rows that the block takes now: a window made narrower since has wrapped its lines.
    const rows = drawn.reduce((sum, line) => sum + rowsOf(line, columns()), 0);
    const up = rows === 0 ? '' : `\r\x1b[${rows}A`;
    drawn = lines.slice(0, Math.max(1, (screen.rows ?? 24) - 1));
    const block = drawn.map((line) => `${line}\x1b[K\n`).join('');
    screen.write(`${up}${above}${block}\x1b[J`);
  };
  return {
    live,
    colours: live && colours,
    get columns() {
      return columns();
    },
    note(line) {
      if (drawn.length === 0) screen.write(`${line}\n`);
      else redraw(drawn, `${line.replaceAll('\n', '\x1b[K\n')}\x1b[K\n`);
    },
    answer: (text) => void answer(text),
    draw(lines) {
      if (live && (lines.length > 0 || drawn.length > 0)) redraw(lines);
    },
  };
}

function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns));
}
