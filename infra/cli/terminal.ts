// Where the command line writes: people's text on stderr, answers on stdout.

import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';

/** What a command needs of the terminal; tests give it a recording one. */
export interface Terminal {
  /** Whether people's text goes to a live terminal that can be redrawn. */
  readonly live: boolean;
  readonly columns: number;
  /** One line for people, on stderr, above the live block. */
  note(line: string): void;
  /** An answer, on stdout. */
  answer(text: string): void;
  /** Replaces the live block, on stderr; an empty list removes it. */
  draw(lines: readonly string[]): void;
}

/** The real terminal of this process. */
export function processTerminal(): Terminal {
  const err = process.stderr;
  const live = err.isTTY === true && process.env.TERM !== 'dumb';
  let drawn: readonly string[] = [];
  const erase = () => {
    if (drawn.length === 0) return;
    cursorTo(err, 0);
    moveCursor(err, 0, -drawn.length);
    clearScreenDown(err);
  };
  const paint = (lines: readonly string[]) => {
    drawn = lines;
    if (lines.length > 0) err.write(`${lines.join('\n')}\n`);
  };
  return {
    live,
    get columns() {
      return err.columns ?? 100;
    },
    note(line) {
      erase();
      err.write(`${line}\n`);
      paint(drawn);
    },
    answer(text) {
      process.stdout.write(`${text}\n`);
    },
    draw(lines) {
      if (!live) return;
      erase();
      paint(lines);
    },
  };
}
