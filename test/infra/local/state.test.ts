// The invariants: one command at a time changes the state, a killed one blocks nobody, and a guard ends what is
// abandoned.

import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { storeWithGuard } from '../../../infra/local/guard.ts';
import {
  endGroup,
  isAlive,
  ownProcess,
  type ProcessId,
  startDetached,
} from '../../../infra/local/processes.ts';
import {
  guardFile,
  lockFile,
  readState,
  type ServicesState,
  stateFile,
  withLock,
  writeState,
} from '../../../infra/local/state.ts';
import { faultOf } from '../../../schemas/errors.ts';

const DEAD: ProcessId = { pid: process.pid, startMark: 'earlier' };
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tessera-state-'));
});

describe('state file', () => {
  it('is empty where nothing was started', async () => {
    expect(await readState(home)).toMatchObject({ temporal: null, kafka: null, users: [], keep: false });
  });

  it('comes back as written, without users that are gone', async () => {
    const state = await stateWith(ownProcess(), { users: [ownProcess(), DEAD] });
    await writeState(home, state);
    expect(await readState(home)).toEqual({ ...state, users: [ownProcess()] });
  });

  it("lists the guard's processes as plain text", async () => {
    await writeState(home, await stateWith({ pid: 77, startMark: 'x' }, { users: [ownProcess()] }));
    expect(await readFile(guardFile(home), 'utf8')).toBe(`user ${process.pid}\nservice 77\n`);
  });

  it('is refused by name when it is not readable, instead of starting a second set of services', async () => {
    await writeFile(stateFile(home), '{"version":1');
    const fault = await readState(home).catch(faultOf);
    expect(fault).toMatchObject({ kind: 'service-unavailable', where: stateFile(home) });
  });
});

describe('lock', () => {
  it('lets one command in at a time', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await sleep(20);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 6 }, () => withLock(home, work)));
    expect(most).toBe(1);
    expect(await readdir(home)).toEqual([]);
  });

  it('is taken over from a holder that died', async () => {
    await writeFile(lockFile(home), `${DEAD.pid}\n${DEAD.startMark}\nabc\n`);
    expect(await withLock(home, async () => 'in')).toBe('in');
  });

  it('is given back when the work fails', async () => {
    await expect(withLock(home, () => Promise.reject(new Error('work')))).rejects.toThrow('work');
    expect(await withLock(home, async () => 'in')).toBe('in');
  });

  it('stops waiting when it is aborted', async () => {
    const { pid, startMark } = ownProcess();
    await writeFile(lockFile(home), `${pid}\n${startMark}\nabc\n`);
    const signal = AbortSignal.timeout(150);
    await expect(withLock(home, async () => 'in', { signal })).rejects.toThrow(/timeout/);
  });

  it('refuses a home that cannot be made, naming the variable', async () => {
    const file = join(home, 'file');
    await writeFile(file, '');
    const fault = await withLock(join(file, 'home'), async () => 'in').catch(faultOf);
    expect(fault).toMatchObject({ kind: 'config-invalid', where: 'TESSERA_HOME' });
  });
});

describe('guard', () => {
  it('ends the services some time after their last user was killed', async () => {
    const user = await sleeper();
    const service = await sleeper();
    await storeWithGuard(home, await stateWith(service, { users: [user] }), { graceSeconds: 1 });
    await sleep(2_500);
    expect(isAlive(service)).toBe(true);
    await endGroup(user, { graceMs: 1_000 });
    await expect.poll(() => isAlive(service), { timeout: 10_000 }).toBe(false);
  }, 30_000);

  it('is not set where services are kept, and is ended when it no longer is wanted', async () => {
    const service = await sleeper();
    const state = await stateWith(service, { users: [ownProcess()] });
    const guarded = await storeWithGuard(home, state);
    const guard = guarded.guard?.process ?? DEAD;
    expect(isAlive(guard)).toBe(true);
    const kept = await storeWithGuard(home, { ...guarded, keep: true });
    expect(kept.guard).toBeNull();
    expect(isAlive(guard)).toBe(false);
    await endGroup(service, { graceMs: 1_000 });
  });

  it('goes away by itself when a newer one took its place', async () => {
    const service = await sleeper();
    const first = await storeWithGuard(home, await stateWith(service, { users: [ownProcess()] }));
    const second = await storeWithGuard(home, first);
    await expect.poll(() => isAlive(first.guard?.process ?? DEAD), { timeout: 5_000 }).toBe(false);
    expect(isAlive(second.guard?.process ?? DEAD)).toBe(true);
    await storeWithGuard(home, { ...second, keep: true });
    await endGroup(service, { graceMs: 1_000 });
  });
});

async function stateWith(running: ProcessId, overrides: Partial<ServicesState>): Promise<ServicesState> {
  const launch = {
    command: 'java',
    args: ['-cp', 'x'],
    cwd: home,
    log: join(home, 'kafka.log'),
    variables: {},
  };
  const kafka = { process: running, ports: [9092, 9093], how: 'jars by Maven', launch };
  return { version: 1, keep: false, users: [], guard: null, temporal: null, kafka, ...overrides };
}

function sleeper(): Promise<ProcessId> {
  const log = join(home, 'sleeper.log');
  return startDetached({ command: '/bin/sh', args: ['-c', 'sleep 60'], cwd: home, log, variables: {} }, {});
}
