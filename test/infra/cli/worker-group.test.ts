import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { PipelineError } from '#schemas/errors.ts';
import { startWorkers, type WorkerGroup } from '../../../infra/cli/worker-group.ts';
import type { WorkerCommand } from '../../../infra/cli/worker-process.ts';

let folder: string;
let group: WorkerGroup | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-worker-'));
});
afterEach(async () => {
  group?.kill();
  group = null;
  rmSync(folder, { recursive: true, force: true });
});

const READY = `process.stdout.write('{"event":"ready"}\\n');`;

/** A worker made of a line of JavaScript. */
function script(code: string): WorkerCommand {
  return {
    file: process.execPath,
    args: ['-e', code],
    env: { ...process.env, FOLDER: folder },
    stderrLog: join(folder, 'stderr'),
  };
}

function start(
  code: string,
  { processes = 1, graceMs = 2000 } = {},
): { readonly group: WorkerGroup; readonly notes: string[] } {
  const notes: string[] = [];
  group = startWorkers({
    command: script(code),
    processes,
    graceMs,
    onRestart: (line) => void notes.push(line),
  });
  return { group, notes };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('startWorkers', () => {
  it('is ready when every worker has said so, and stops them in order', async () => {
    const { group } = start(
      `${READY} setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0));`,
      { processes: 2 },
    );
    await group.ready;
    const { pids } = group;
    expect(pids).toHaveLength(2);
    await group.stop();
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  it('replaces a worker that was killed, and tells', async () => {
    const { group, notes } = start(`${READY} setInterval(() => {}, 1000);`);
    await group.ready;
    const [first = -1] = group.pids;
    process.kill(first, 'SIGKILL');
    await vi.waitFor(() => expect(notes).toHaveLength(1), { timeout: 5000 });
    expect(notes[0]).toMatch(/^a worker died \(SIGKILL\); worker \d+ took over after \d\.\d s$/);
    expect(group.pids).toHaveLength(1);
    expect(group.pids[0]).not.toBe(first);
  });

  it('starts its workers again with another address, and calls none of them dead', async () => {
    const { group, notes } = start(
      `require('fs').appendFileSync(process.env.FOLDER + '/at', process.env.AT + ' ');
      ${READY} setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0));`,
    );
    await group.ready;
    const [first = -1] = group.pids;
    await group.moveTo({ AT: 'elsewhere' });
    expect(isAlive(first)).toBe(false);
    const at = () => readFileSync(join(folder, 'at'), 'utf8');
    await vi.waitFor(() => expect(at()).toBe('undefined elsewhere '), { timeout: 5000 });
    expect(notes).toEqual([]);
    const [second = -1] = group.pids;
    process.kill(second, 'SIGKILL');
    await vi.waitFor(() => expect(at()).toBe('undefined elsewhere elsewhere '), { timeout: 5000 });
  });

  it('kills a worker that does not end in time', async () => {
    const { group } = start(`process.on('SIGTERM', () => {}); ${READY} setInterval(() => {}, 1000);`, {
      graceMs: 100,
    });
    await group.ready;
    const { pids } = group;
    await group.stop();
    expect(pids.map(isAlive)).toEqual([false]);
  });

  it('fails at once with a fault that no restart can mend', async () => {
    const fault = JSON.stringify({
      event: 'fault',
      fault: { kind: 'config-invalid', what: 'bad variable', where: 'X' },
    });
    const { group } = start(`process.stdout.write(${JSON.stringify(`${fault}\n`)}, () => process.exit(1));`);
    await expect(group.failed).rejects.toMatchObject({
      fault: { kind: 'config-invalid', what: 'bad variable' },
    });
    await expect(group.ready).rejects.toBeInstanceOf(PipelineError);
  });

  it('says why it replaced a worker that took too much memory, and ends with that fault where it goes on', async () => {
    const fault = {
      kind: 'memory-exceeded',
      what: 'the worker took more memory than it may',
      value: '401 MiB of 400 MiB',
    };
    const said = JSON.stringify(`${JSON.stringify({ event: 'fault', fault })}\n`);
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const { group, notes } = start(`${READY} process.stdout.write(${said});`);
      let failure: unknown = null;
      group.failed.catch((error: unknown) => {
        failure = error;
      });
      while (failure === null) {
        await vi.advanceTimersByTimeAsync(8000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(failure).toMatchObject({ fault });
      expect(notes[0]).toContain('took more memory than it may: 401 MiB of 400 MiB');
    } finally {
      vi.useRealTimers();
    }
  });

  it('gives up on a worker that keeps dying, quoting its last error and keeping its stderr', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const { group } = start(`throw new RangeError('no such thing');`);
      let failure: unknown = null;
      group.failed.catch((error: unknown) => {
        failure = error;
      });
      while (failure === null) {
        await vi.advanceTimersByTimeAsync(8000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(failure).toMatchObject({
        fault: {
          kind: 'service-unavailable',
          what: 'the worker keeps dying (exit code 1)',
          value: 'RangeError: no such thing',
        },
      });
      expect(
        readFileSync(join(folder, 'stderr'), 'utf8').match(/RangeError/g)?.length,
      ).toBeGreaterThanOrEqual(7);
    } finally {
      vi.useRealTimers();
    }
  });

  it('goes on with the worker that works where another one keeps dying, as one that is killed again and again does', async () => {
    const now = vi.spyOn(Date, 'now').mockReturnValue(0);
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      // The port tells the second worker, which dies at once.
      vi.stubEnv('TESSERA_METRICS', '127.0.0.1:9100');
      const { group } = start(
        `if (process.env.TESSERA_METRICS.endsWith(1)) throw new RangeError('x'); ${READY} setInterval(() => {}, 1000);`,
        { processes: 2 },
      );
      const [first] = group.pids;
      const failure = vi.fn();
      group.failed.catch(failure);
      now.mockReturnValue(60_000);
      const deaths = () =>
        existsSync(join(folder, 'stderr'))
          ? (readFileSync(join(folder, 'stderr'), 'utf8').match(/ RangeError/g)?.length ?? 0)
          : 0;
      while (deaths() < 10 && failure.mock.calls.length === 0) {
        await vi.advanceTimersByTimeAsync(8000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(failure).not.toHaveBeenCalled();
      expect(group.pids).toContain(first);
      expect(isAlive(first!)).toBe(true);
    } finally {
      vi.useRealTimers();
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
    }
  });

  it('ends a worker whose command was killed', async () => {
    const preload = fileURLToPath(new URL('../../../infra/cli/end-with-parent.mjs', import.meta.url));
    const pidFile = join(folder, 'pid');
    const worker = `require('fs').writeFileSync(process.env.PID_FILE, String(process.pid)); setInterval(() => {}, 1000)`;
    const parent = `
      const child = require('child_process').spawn(process.execPath, ['--import', ${JSON.stringify(preload)}, '-e', ${JSON.stringify(worker)}],
        { detached: true, stdio: ['pipe', 'ignore', 'ignore'], env: { ...process.env, PID_FILE: ${JSON.stringify(pidFile)} } });
      ${READY} setInterval(() => {}, 1000);`;
    const { group } = start(parent);
    await group.ready;
    const pid = await vi.waitFor(
      () => {
        const value = Number(readFileSync(pidFile, 'utf8'));
        expect(value).toBeGreaterThan(0);
        return value;
      },
      { timeout: 5000 },
    );
    group.kill();
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5000 });
  });
});
