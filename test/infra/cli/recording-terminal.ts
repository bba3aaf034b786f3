// A terminal that remembers what was written to it.

import type { Terminal } from '../../../infra/cli/terminal.ts';

export interface RecordingTerminal extends Terminal {
  readonly notes: string[];
  readonly answers: string[];
  readonly drawn: (readonly string[])[];
}

export function recordingTerminal({ live = false, columns = 100 } = {}): RecordingTerminal {
  const [notes, answers, drawn]: [string[], string[], (readonly string[])[]] = [[], [], []];
  return {
    live,
    colours: false,
    columns,
    notes,
    answers,
    drawn,
    note: (line) => void notes.push(line),
    answer: (text) => void answers.push(text),
    draw: (lines) => void drawn.push(lines),
  };
}
