// What programs read while a run works: every line is an event of the schema, and nothing is told twice.

import { describe, expect, it } from 'vitest';

import { type RunEvent, runEvent } from '../../../schemas/run-events.ts';
import { eventLine, runEvents } from '../../../infra/cli/run-events.ts';
import { recordingTerminal } from './recording-terminal.ts';
import { SNAPSHOT } from './snapshot.ts';

function follow({ json = true } = {}) {
  const terminal = recordingTerminal();
  const events = runEvents({ terminal, json });
  // The schema refuses a key that is missing or of another type.
  const told = (): readonly RunEvent[] => terminal.answers.map((line) => runEvent.parse(JSON.parse(line)));
  return { terminal, events, told };
}

describe('events of a run', () => {
  it('tell each stage once, and progress at most every 2 s with speed, time left and tasks', () => {
    const { events, told } = follow();
    for (let half = 0; half <= 9; half++)
      events.show({
        ...SNAPSHOT,
        atMs: half * 500,
        doneRows: half * 3500,
        tasks: { name: 'shards', total: 18, done: half, underWay: 2 },
      });
    events.show({ ...SNAPSHOT, phase: 'aggregating', atMs: 5000, doneRows: 70_000 });
    expect(told().map(({ event, time }) => [event, time.slice(17)])).toEqual([
      ['stage', '00.000Z'],
      ['progress', '00.000Z'],
      ['progress', '02.000Z'],
      ['progress', '04.000Z'],
      ['stage', '05.000Z'],
    ]);
    expect(told()[2]).toEqual({
      event: 'progress',
      version: 1,
      time: '1970-01-01T00:00:02.000Z',
      run: 'mnist',
      stage: 'encoding',
      unit: 'rows',
      done: 14_000,
      total: 70_000,
      percent: 20,
      perSecond: 7000,
      secondsLeft: 8,
      tasks: { total: 18, done: 4, underWay: 2 },
      restarts: 0,
      elbo: null,
      rHat: null,
      essBulk: null,
    });
  });

  it('are silent while nothing moves', () => {
    const { events, told } = follow();
    for (let second = 0; second < 60; second++) events.show({ ...SNAPSHOT, atMs: second * 1000 });
    expect(told().map(({ event }) => event)).toEqual(['stage', 'progress']);
  });

  it('tell a pause, each notice once, and a restart with its reason and count', () => {
    const { events, told } = follow();
    events.show({ ...SNAPSHOT, notices: ['no labels'] });
    events.show({ ...SNAPSHOT, notices: ['no labels'], paused: true, atMs: 100 });
    events.show({
      ...SNAPSHOT,
      restarts: 2,
      retries: ['encodeShards is tried again: broker gone'],
      atMs: 200,
    });
    events.restarted('mnist', 'worker', 'a worker died (signal SIGKILL)');
    expect(told().filter(({ event }) => event !== 'progress')).toMatchObject([
      { event: 'stage', paused: false },
      { event: 'notice', text: 'no labels' },
      { event: 'stage', paused: true },
      { event: 'stage', paused: false },
      { event: 'restart', of: 'task', restarts: 2, reason: 'encodeShards is tried again: broker gone' },
      { event: 'restart', of: 'worker', restarts: 2, reason: 'a worker died (signal SIGKILL)' },
    ]);
  });

  it('count updates of a training and draws of chains apart', () => {
    const { events, told } = follow();
    events.show({ ...SNAPSHOT, phase: 'training', unit: 'updates', rows: 50, doneRows: 50, elbo: -1.5 });
    const chains = { kernels: [], rHat: 1.02, essBulk: 400, essTail: 300, lookedAt: 20 };
    events.show({
      ...SNAPSHOT,
      phase: 'sampling',
      unit: 'draws',
      rows: 900,
      doneRows: 30,
      chains,
      atMs: 5000,
    });
    const progress = told().filter(({ event }) => event === 'progress');
    expect(progress).toMatchObject([
      { unit: 'updates', done: 50, total: 50, elbo: -1.5 },
      { unit: 'draws', done: 30, total: 900, rHat: 1.02, essBulk: 400 },
    ]);
  });

  it('tell a restart once, also where another stage counts something else', () => {
    const { events, told } = follow();
    events.show({ ...SNAPSHOT, phase: 'training', unit: 'updates', restarts: 1 });
    events.show({ ...SNAPSHOT, phase: 'sampling', unit: 'draws', restarts: 0, atMs: 100 });
    events.show({ ...SNAPSHOT, phase: 'sampling', unit: 'draws', restarts: 1, atMs: 200 });
    events.show({ ...SNAPSHOT, phase: 'sampling', unit: 'draws', restarts: 2, atMs: 300 });
    const restarts = told().filter(({ event }) => event === 'restart');
    expect(restarts).toMatchObject([{ restarts: 1 }, { restarts: 2 }]);
  });

  it('write nothing without --json', () => {
    const { events, terminal } = follow({ json: false });
    events.show(SNAPSHOT);
    events.restarted('mnist', 'service', 'kafka died');
    expect(terminal.answers).toEqual([]);
  });

  it('are one line each, whatever text they carry', () => {
    const line = eventLine({ event: 'notice', run: 'r', text: 'two\nlines' }, 0);
    expect(line).not.toContain('\n');
    expect(runEvent.parse(JSON.parse(line))).toMatchObject({ text: 'two\nlines' });
  });
});
