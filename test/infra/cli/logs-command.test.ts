import { describe, expect, it } from 'vitest';

import { formatLogLine, logLines } from '../../../infra/cli/logs-command.ts';

const line = (fields: object) => JSON.stringify({ level: 30, pid: 7, ...fields });

describe('logLines', () => {
  it('takes the lines of one run out of several logs, in order of time', () => {
    const first = [
      line({ time: 3000, runId: 'a', msg: 'late' }),
      line({ time: 1000, runId: 'b', msg: 'other' }),
      'no json',
    ].join('\n');
    const second = line({ time: '1970-01-01T00:00:02.000Z', runId: 'a', msg: 'early' });
    expect(logLines([first, second], 'a').map(({ msg }) => msg)).toEqual(['early', 'late']);
  });
});

describe('formatLogLine', () => {
  it('shows time, level, process, message and the other fields', () => {
    const [parsed] = logLines(
      [line({ time: 1500, runId: 'a', msg: 'shard done', shard: 3, file: 'x', taskToken: 'CiQw' })],
      'a',
    );
    expect(parsed && formatLogLine(parsed)).toBe('00:00:01.500 info  7 shard done shard=3 file=x');
  });
});
