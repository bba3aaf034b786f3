// Short tasks send no heartbeats; longer ones send the last they said when the first is due, then each.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startBeats } from '../../activities/beats.ts';

describe('startBeats', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function started() {
    const sent: unknown[] = [];
    const beats = startBeats((details) => sent.push(details), {
      first: 'earlier',
      quietMs: 500,
      atLeastMs: 2500,
    });
    return { sent, beats };
  }

  it('sends nothing for a task that ends before the first is due', () => {
    const { sent, beats } = started();
    beats.beat(1);
    vi.advanceTimersByTime(499);
    beats.beat(2);
    beats.stop();
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual([]);
    expect(beats.last).toBe(2);
  });

  it('sends the last of what was said meanwhile, then each', () => {
    const { sent, beats } = started();
    beats.beat(1);
    vi.advanceTimersByTime(300);
    beats.beat(2);
    vi.advanceTimersByTime(200);
    expect(sent).toEqual([2]);
    beats.beat(3);
    expect(sent).toEqual([2, 3]);
    beats.stop();
  });

  it('says again what an earlier attempt said, for a task that is silent', () => {
    const { sent, beats } = started();
    vi.advanceTimersByTime(2499);
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(2501);
    expect(sent).toEqual(['earlier', 'earlier']);
    beats.stop();
  });
});
