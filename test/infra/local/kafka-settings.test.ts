// The invariant: the local broker is reachable from this machine only, and forgets nothing.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { kafkaProperties } from '../../../infra/local/kafka-settings.ts';
import { claimPorts, isPortFree, releasePorts } from '../../../infra/local/ports.ts';
import { ownProcess } from '../../../infra/local/processes.ts';
import { readState, writeState } from '../../../infra/local/state.ts';

describe('kafkaProperties', () => {
  const text = kafkaProperties({ home: '/home', ports: [9300, 9301] });
  const settings = new Map(
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split('=', 2) as [string, string]),
  );

  it('binds every address to the loopback interface', () => {
    const addresses = text.match(/:\/\/[^,\n]+|@[^,\n]+/g) ?? [];
    expect(addresses).toHaveLength(4);
    for (const address of addresses) expect(address).toMatch(/^(:\/\/|@)127\.0\.0\.1:930[01]$/);
  });

  it('keeps messages without limit of time or size', () => {
    expect(settings.get('log.retention.ms')).toBe('-1');
    expect(settings.get('log.retention.bytes')).toBe('-1');
    expect(settings.get('log.dirs')).toBe('/home/kafka/data');
  });

  it('lets a replica fetch, a request and the request memory hold the largest message', () => {
    const largest = Number(settings.get('message.max.bytes'));
    expect(largest).toBe(67_108_864);
    for (const key of ['replica.fetch.max.bytes', 'socket.request.max.bytes', 'queued.max.request.bytes']) {
      expect(Number(settings.get(key))).toBeGreaterThanOrEqual(largest);
    }
  });

  it('makes no topic by accident', () => {
    expect(settings.get('auto.create.topics.enable')).toBe('false');
  });
});

describe('claimPorts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-claims-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('takes the preferred port when it is free, else another one, and never one twice', async () => {
    const server = createServer();
    const busy = await new Promise<number>((resolve) => {
      server.listen({ port: 0, host: '127.0.0.1' }, () =>
        resolve((server.address() as { port: number }).port),
      );
    });
    expect(await isPortFree(busy)).toBe(false);
    {
      await using claimed = await claimPorts([[busy], [busy]], { folder });
      expect(new Set([busy, ...claimed.ports]).size).toBe(3);
    }
    await new Promise((resolve) => server.close(resolve));
    await using claimed = await claimPorts([[busy], [busy]], { folder });
    expect(claimed.ports[0]).toBe(busy);
    expect(claimed.ports[1]).not.toBe(busy);
  });

  it('leaves a port to the command that is about to take it, until that gives it up or dies', async () => {
    const free = await freePort();
    const first = await claimPorts([[free]], { folder });
    const second = await claimPorts([[free]], { folder });
    expect(first.ports).toEqual([free]);
    expect(second.ports).not.toEqual([free]);
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    await writeFile(join(folder, String(free)), String(dead));
    await using third = await claimPorts([[free]], { folder });
    expect(third.ports).toEqual([free]);
  });

  it("stays a home's while that wants its service, though it was killed, and is the same home's again", async () => {
    const free = await freePort();
    const home = mkdtempSync(join(tmpdir(), 'tessera-home-'));
    const killed = { pid: spawnSync(process.execPath, ['-e', '']).pid, startMark: '1' };
    const launch = { command: 'java', args: [], cwd: home, log: join(home, 'log'), variables: {} };
    const kafka = { process: killed, ports: [free], how: 'jars', launch };
    const state = { ...(await readState(home)), users: [ownProcess()], kafka };
    await writeState(home, state);
    {
      await using claimed = await claimPorts([[free]], { folder, home });
      await claimed.keep([free], home);
    }
    const portFor = async (options: { home?: string }) => {
      await using claimed = await claimPorts([[free]], { folder, ...options });
      return claimed.ports[0];
    };
    expect(await portFor({ home: `${home}-2` })).not.toBe(free);
    expect(await portFor({})).not.toBe(free);
    await writeState(home, { ...state, kafka: { ...kafka, process: null } });
    expect(await portFor({ home: `${home}-2` })).toBe(free);
    await writeState(home, state);
    await writeFile(join(folder, String(free)), `home ${home}\n`);
    expect(await portFor({ home })).toBe(free);
    await writeFile(join(folder, String(free)), `home ${home}\n`);
    await releasePorts([free], { home: `${home}-2`, folder });
    expect(await portFor({})).not.toBe(free);
    await releasePorts([free], { home, folder });
    expect(await portFor({})).toBe(free);
    rmSync(home, { recursive: true });
  });

  async function freePort(): Promise<number> {
    await using claimed = await claimPorts([[]], { folder });
    return claimed.ports[0]!;
  }
});
