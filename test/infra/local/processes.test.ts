// The invariant: a process is known by more than its pid, and ending one ends its whole group.

import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { endGroup, isAlive, type Launch, ownProcess, startDetached } from '../../../infra/local/processes.ts';

describe('isAlive', () => {
  it('knows this process, and does not take a pid with another start mark for it', () => {
    expect(isAlive(ownProcess())).toBe(true);
    expect(isAlive({ ...ownProcess(), startMark: 'earlier' })).toBe(false);
  });
});

describe('startDetached', () => {
  it('fails for a command that does not exist', async () => {
    await expect(startDetached(await launch('', { command: '/nowhere/temporal' }), {})).rejects.toThrow(
      'ENOENT',
    );
  });

  it('hides client settings of Temporal and Kafka from a server, and adds those of its launch', async () => {
    const shell = await launch('echo "[$TEMPORAL_API_KEY][$KAFKA_OPTS][$OTHER][$OWN]"', {
      variables: { OWN: 'own' },
    });
    const started = await startDetached(shell, { TEMPORAL_API_KEY: 'key', KAFKA_OPTS: 'x', OTHER: 'other' });
    await gone(started);
    expect(await readFile(shell.log, 'utf8')).toBe('[][][other][own]\n');
  });
});

describe('endGroup', () => {
  it('ends children too', async () => {
    const shell = await launch('(while :; do echo beat; sleep 0.05; done) & wait');
    const started = await startDetached(shell, {});
    const beats = async () => (await readFile(shell.log, 'utf8')).length;
    await expect.poll(beats).toBeGreaterThan(20);
    await endGroup(started, { graceMs: 5_000 });
    const last = await beats();
    await sleep(300);
    expect(await beats()).toBe(last);
  });

  it('kills a process that ignores SIGTERM once its time is over', async () => {
    const shell = await launch('trap "" TERM; echo ready; while :; do sleep 0.1; done');
    const started = await startDetached(shell, {});
    await expect.poll(() => readFile(shell.log, 'utf8')).toBe('ready\n');
    const began = performance.now();
    await endGroup(started, { graceMs: 300 });
    expect(performance.now() - began).toBeGreaterThan(290);
    expect(isAlive(started)).toBe(false);
  });

  it('leaves a stranger alone that has the pid now', async () => {
    const started = await startDetached(await launch('sleep 60'), {});
    await endGroup({ ...started, startMark: 'earlier' }, { graceMs: 100 });
    expect(isAlive(started)).toBe(true);
    await endGroup(started, { graceMs: 1_000 });
  });
});

async function launch(script: string, overrides: Partial<Launch> = {}): Promise<Launch> {
  const cwd = await mkdtemp(join(tmpdir(), 'tessera-processes-'));
  return {
    command: '/bin/sh',
    args: ['-c', script],
    cwd,
    log: join(cwd, 'log'),
    variables: {},
    ...overrides,
  };
}

async function gone(started: { pid: number; startMark: string }): Promise<void> {
  for (let i = 0; i < 200 && isAlive(started); i += 1) await sleep(25);
  expect(isAlive(started)).toBe(false);
}
