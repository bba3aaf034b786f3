import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';

import { progressView } from '../../../infra/cli/progress-view.ts';
import { recordingTerminal } from './recording-terminal.ts';
import { SNAPSHOT } from './snapshot.ts';

describe('plain progress', () => {
  it('writes a line every few seconds and at each change of phase, with rate and time left', () => {
    const terminal = recordingTerminal();
    const view = progressView({ terminal, kind: 'sweep', plainEveryMs: 5000 });
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
    const view = progressView({ terminal, kind: 'sweep', plainEveryMs: 0 });
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
    const view = progressView({ terminal, kind: 'sweep', plainEveryMs: 5000 });
    for (let second = 0; second < 60; second++)
      view.show({ ...SNAPSHOT, rows: 0, phase: 'planning', atMs: second * 1000 });
    expect(terminal.notes).toEqual(['mnist: planning']);
  });

  it('tells a pause, and each notice of the run once', () => {
    const terminal = recordingTerminal();
    const view = progressView({ terminal, kind: 'sweep' });
    view.show({ ...SNAPSHOT, notices: ['no labels'] });
    view.show({ ...SNAPSHOT, notices: ['no labels'], paused: true, atMs: 1 });
    // The end of a run tells all of its notices, and those that only the commit could know.
    view.notices('mnist', ['no labels', '3 points were left out']);
    expect(terminal.notes[0]).toBe('mnist: no labels');
    expect(terminal.notes.filter((line) => line === 'mnist: no labels')).toHaveLength(1);
    expect(terminal.notes.at(-2)).toMatch(/^mnist: encoding \(paused\)/);
    expect(terminal.notes.at(-1)).toBe('mnist: 3 points were left out');
  });

  it('draws nothing and uses no control characters', () => {
    const terminal = recordingTerminal();
    progressView({ terminal, kind: 'sweep' }).show(SNAPSHOT);
    expect(terminal.drawn).toEqual([]);
    expect(terminal.notes.join('')).not.toMatch(/\p{Cc}/u);
  });
});

describe('live progress', () => {
  it.each([
    ['sweep', 'mnist-mlp', ['mnist-mlp  ✓ planning  ● encoding  · aggregating  · committing  0 s']],
    [
      'lens',
      'mnist-mlp-interpolation',
      ['mnist-mlp-interpolation  0 s', '  ✓ planning  ● computing  · collecting  · committing'],
    ],
    [
      'metflow',
      'ring',
      ['ring  0 s', '  ✓ planning  ● training  · sampling  · collecting  · diagnosing  · committing'],
    ],
  ] as const)('shows all stages of a %s in a terminal of 80 columns', (kind, runId, lines) => {
    const terminal = recordingTerminal({ live: true, columns: 80 });
    const view = progressView({ terminal, kind, now: () => 0 });
    const phase = ({ sweep: 'encoding', lens: 'computing', metflow: 'training' } as const)[kind];
    view.show({ ...SNAPSHOT, runId, phase });
    view.close();
    expect(terminal.drawn[0]!.slice(0, lines.length)).toEqual(lines);
  });

  it('redraws one block for each run: stages, a bar, figures', () => {
    const terminal = recordingTerminal({ live: true, columns: 100 });
    const view = progressView({ terminal, kind: 'sweep', now: () => 2000 });
    const tasks = { name: 'shards', total: 18, done: 9, underWay: 2 };
    view.show({ ...SNAPSHOT, doneRows: 17_500, restarts: 2, tasks });
    view.show({ ...SNAPSHOT, runId: 'control', phase: 'planning', rows: 0, atMs: 1000 });
    view.show({ ...SNAPSHOT, doneRows: 35_000, restarts: 2, tasks, atMs: 2000 });
    expect(terminal.notes).toEqual([]);
    expect(terminal.drawn.at(-1)).toEqual([
      'mnist  ✓ planning  ● encoding  · aggregating  · committing  2 s',
      `  ${'█'.repeat(20)}${'░'.repeat(20)} 50.0 %  ETA 4.0 s`,
      '  35,000/70,000 rows  8,750 rows/s  shards 9/18, 2 under way  2 restarts',
      'control  ● planning  · encoding  · aggregating  · committing  2 s',
    ]);
    view.close();
    expect(terminal.drawn.at(-1)).toEqual([]);
  });

  it.each([24, 40, 60, 80, 120, 200])(
    'keeps every line narrower than %i columns and leaves out no figure',
    (columns) => {
      const terminal = recordingTerminal({ live: true, columns });
      const view = progressView({ terminal, kind: 'sweep' });
      view.link('mnist', 'http://localhost:8233/namespaces/default/workflows/tessera%2Frun%2Fmnist');
      view.show({ ...SNAPSHOT, doneRows: 35_000, restarts: 1 });
      view.close();
      const lines = terminal.drawn.at(-2) ?? [];
      for (const line of lines) expect(line.length).toBeLessThan(columns);
      const text = lines.join('\n');
      for (const fact of ['encoding', '50.0 %', '35,000/70,000 rows', '1 restart'])
        expect(text).toContain(fact);
      // A link is whole or absent.
      expect(/workflows/.test(text)).toBe(/tessera%2Frun%2Fmnist/.test(text));
      expect(/workflows/.test(text)).toBe(columns >= 80);
    },
  );

  it('colours only where the terminal may be coloured, and the text is the same', () => {
    const [plain, bright] = [false, true].map((colours) => {
      const terminal = { ...recordingTerminal({ live: true, columns: 100 }), colours };
      const view = progressView({ terminal, kind: 'lens', now: () => 0 });
      view.show({ ...SNAPSHOT, phase: 'computing', doneRows: 7, restarts: 3 });
      view.close();
      return terminal.drawn.at(-2)!;
    });
    expect(plain!.join('')).not.toContain('\x1b');
    expect(bright!.join('')).toContain('\x1b[33m3 restarts\x1b[0m');
    expect(bright!.map(stripVTControlCharacters)).toEqual(plain);
  });

  it('says what a paused run waits in', () => {
    const terminal = recordingTerminal({ live: true, columns: 100 });
    const view = progressView({ terminal, kind: 'sweep' });
    view.show({ ...SNAPSHOT, paused: true });
    view.close();
    expect(terminal.drawn.at(-2)!.join('\n')).toContain('paused');
  });
});
