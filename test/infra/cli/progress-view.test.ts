import { describe, expect, it } from 'vitest';

import type { RunSnapshot } from '../../../infra/cli/progress.ts';
import { progressView } from '../../../infra/cli/progress-view.ts';
import { recordingTerminal } from './recording-terminal.ts';

const SNAPSHOT: RunSnapshot = {
  runId: 'mnist',
  phase: 'encoding',
  paused: false,
  unit: 'rows',
  rows: 70_000,
  doneRows: 0,
  restarts: 0,
  aggregating: { partitions: 4, messages: 12, lag: 3 },
  waiting: 0,
  notices: [],
  chains: null,
  elbo: null,
  atMs: 0,
};

describe('plain progress', () => {
  it('writes a line every few seconds and at each change of phase, with rate and time left', () => {
    const terminal = recordingTerminal();
    const view = progressView({ terminal, plainEveryMs: 5000 });
    for (let second = 0; second <= 7; second++)
      view.show({ ...SNAPSHOT, atMs: second * 1000, doneRows: second * 7000 });
    view.show({ ...SNAPSHOT, phase: 'aggregating', atMs: 7500, doneRows: 70_000 });
    expect(terminal.notes).toEqual([
      'mnist: encoding  0/70,000 rows  0.0 %  0 restarts',
      'mnist: encoding  35,000/70,000 rows  50.0 %  7,000 rows/s  ETA 5.0 s  0 restarts',
      'mnist: aggregating  70,000/70,000 rows  100.0 %  4 partitions, 12 messages  0 restarts',
    ]);
  });

  it('says how far aggregation lags, and that tasks wait for it', () => {
    const terminal = recordingTerminal();
    const view = progressView({ terminal, plainEveryMs: 0 });
    const at = (lag: number, waiting: number, atMs: number) =>
      view.show({ ...SNAPSHOT, aggregating: { ...SNAPSHOT.aggregating, lag }, waiting, atMs });
    at(99, 0, 0);
    at(4321, 0, 1);
    at(4321, 2, 2);
    expect(terminal.notes).toEqual([
      'mnist: encoding  0/70,000 rows  0.0 %  0 restarts',
      'mnist: encoding  0/70,000 rows  0.0 %  0 rows/s  lag 4,321 messages  0 restarts',
      'mnist: encoding  0/70,000 rows  0.0 %  0 rows/s  lag 4,321 messages, 2 tasks waiting  0 restarts',
    ]);
  });

  it('does not repeat a line that says nothing new', () => {
    const terminal = recordingTerminal();
    const view = progressView({ terminal, plainEveryMs: 5000 });
    for (let second = 0; second < 60; second++)
      view.show({ ...SNAPSHOT, rows: 0, phase: 'planning', atMs: second * 1000 });
    expect(terminal.notes).toEqual(['mnist: planning']);
  });

  it('tells a pause, and each notice of the run once', () => {
    const terminal = recordingTerminal();
    const view = progressView({ terminal });
    view.show({ ...SNAPSHOT, notices: ['no labels'] });
    view.show({ ...SNAPSHOT, notices: ['no labels'], paused: true, atMs: 1 });
    expect(terminal.notes[0]).toBe('mnist: no labels');
    expect(terminal.notes.filter((line) => line === 'mnist: no labels')).toHaveLength(1);
    expect(terminal.notes.at(-1)).toMatch(/^mnist: encoding \(paused\)/);
  });

  it('draws nothing and uses no control characters', () => {
    const terminal = recordingTerminal();
    progressView({ terminal }).show(SNAPSHOT);
    expect(terminal.drawn).toEqual([]);
    expect(terminal.notes.join('')).not.toMatch(/\p{Cc}/u);
  });
});

describe('live progress', () => {
  it('redraws one block with a bar for each run', () => {
    const terminal = recordingTerminal({ live: true, columns: 80 });
    const view = progressView({ terminal });
    view.show({ ...SNAPSHOT, doneRows: 17_500, restarts: 2 });
    view.show({ ...SNAPSHOT, runId: 'control', atMs: 1000 });
    view.show({ ...SNAPSHOT, doneRows: 35_000, restarts: 2, atMs: 2000 });
    expect(terminal.notes).toEqual([]);
    expect(terminal.drawn.at(-1)).toEqual([
      `mnist  ${'█'.repeat(20)}${'░'.repeat(20)} 50.0 %`,
      '  encoding  35,000/70,000 rows  8,750 rows/s  ETA 4.0 s  2 restarts',
      `control  ${'░'.repeat(40)} 0.0 %`,
      '  encoding  0/70,000 rows  0 restarts',
    ]);
    view.close();
    expect(terminal.drawn.at(-1)).toEqual([]);
  });

  it('never draws a line wider than the terminal: it would wrap and the block could not be erased', () => {
    const terminal = recordingTerminal({ live: true, columns: 30 });
    progressView({ terminal }).show({ ...SNAPSHOT, runId: 'a-run-with-a-rather-long-name' });
    for (const line of terminal.drawn.at(-1) ?? []) expect(line.length).toBeLessThan(30);
  });
});
