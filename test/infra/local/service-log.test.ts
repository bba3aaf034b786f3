// The invariant: of a service that would not start, the log's own words say why, and only those of this start.

import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { reasonIn, watchForTakenPort } from '../../../infra/local/service-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'tessera-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BIND_EXCEPTION = `java.lang.RuntimeException: Unable to start acceptor for PLAINTEXT
\tat kafka.network.Acceptor.start(SocketServer.scala:530)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind(Net.java:555)
\t... 18 more
`;

describe('reasonIn', () => {
  it('is the innermost cause of a Java exception, else the last line, and null without a log', async () => {
    const log = join(folder, 'reason.log');
    expect(await reasonIn(log)).toBeNull();
    writeFileSync(log, `earlier\n${BIND_EXCEPTION}`);
    expect(await reasonIn(log)).toBe('Caused by: java.net.BindException: Address already in use');
    appendFileSync(log, 'Killed\n');
    expect(await reasonIn(log)).toBe('Killed');
  });
});

describe('watchForTakenPort', () => {
  it('tells a taken port of this start, in the words of Java and of Go, from one of an earlier start', async () => {
    const log = join(folder, 'port.log');
    for (const words of [BIND_EXCEPTION, 'listen tcp 127.0.0.1:7233: bind: address already in use\n']) {
      const isPortTaken = watchForTakenPort(log);
      appendFileSync(log, 'zu wenig Speicher für Ünïcode\n');
      expect(await isPortTaken()).toBe(false);
      appendFileSync(log, words);
      expect(await isPortTaken()).toBe(true);
      expect(await watchForTakenPort(log)()).toBe(false);
    }
  });

  it('reads a log from its beginning that was begun anew', async () => {
    const log = join(folder, 'anew.log');
    writeFileSync(log, 'x'.repeat(10_000));
    const isPortTaken = watchForTakenPort(log);
    writeFileSync(log, BIND_EXCEPTION);
    expect(await isPortTaken()).toBe(true);
  });
});
