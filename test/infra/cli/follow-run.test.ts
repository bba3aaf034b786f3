// The invariant: where the Temporal server of a running command goes away and its address is a stranger's, the command ends with exit 4
// and one message. Strangers are real servers on this machine, asked by the real client.

import type { ServerHttp2Stream } from 'node:http2';
import { Client } from '@temporalio/client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PipelineError, PipelineFault } from '#schemas/errors.ts';
import { exitCodeOf } from '../../../infra/cli/cli-fault.ts';
import { watchRun } from '../../../infra/cli/follow-run.ts';
import { followServices } from '../../../infra/cli/follow-services.ts';
import type { ServiceRestart } from '../../../infra/local/reports.ts';
import { answeredBy } from '../answering-server.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0)) await close();
});

/** A client whose server is gone, with somebody else at its address. */
async function clientOfStranger(answer: (stream: ServerHttp2Stream) => void): Promise<Client> {
  const { connection, close } = await answeredBy(answer);
  closing.push(close);
  return new Client({ connection });
}

/** Watches until the command gives up. @returns what people read, and the fault. */
async function watched(client: Client): Promise<{ readonly notes: string[]; readonly fault: PipelineFault }> {
  const notes: string[] = [];
  const fault = await watchRun(client, 'gone', {
    onSnapshot: () => undefined,
    onNotice: () => undefined,
    onNote: (line) => {
      notes.push(line);
      later(120_000);
    },
    signal: new AbortController().signal,
  }).then(
    () => {
      throw new Error('the run ended well');
    },
    (error: unknown) => (error as PipelineError).fault,
  );
  return { notes, fault };
}

/** Lets the clock go on, so that a silence is a long one. */
function later(byMs: number): void {
  const now = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => now() + byMs);
}

describe('a command whose Temporal server has gone away ends with exit 4', () => {
  it('where a web server has its address, after waiting for it to come back', async () => {
    const client = await clientOfStranger((stream) => {
      stream.respond({ ':status': 404, 'content-type': 'text/html' });
      stream.end('<h1>Not found</h1>');
    });
    const { notes, fault } = await watched(client);
    expect(notes).toEqual([expect.stringMatching(/another server.*trying again/)]);
    expect(exitCodeOf(fault)).toBe(4);
    expect(fault).toMatchObject({
      kind: 'service-unavailable',
      what: 'what answers at the address of the Temporal server is another server',
      value: expect.stringContaining('404'),
      remedy: expect.stringContaining('TEMPORAL_ADDRESS'),
    });
  });

  it('where it is another Temporal server, at once: it does not know the run', async () => {
    const client = await clientOfStranger((stream) => {
      const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' };
      stream.respond({ ...headers, 'grpc-message': 'workflow not found' }, { endStream: true });
    });
    const { notes, fault } = await watched(client);
    expect(notes).toEqual([]);
    expect(exitCodeOf(fault)).toBe(4);
    expect(fault.what).toBe('the Temporal server no longer knows run gone');
  });

  it('where the local server came back at another address', async () => {
    let restart: (restart: ServiceRestart) => void = () => undefined;
    const told: ServiceRestart[] = [];
    const watch = followServices(
      {
        temporal: { address: '127.0.0.1:7233', namespace: 'default' },
        brokers: ['127.0.0.1:9092'],
        supervise: (onRestart: typeof restart) => {
          restart = onRestart;
          return { failed: new Promise<never>(() => undefined), [Symbol.dispose]: () => undefined };
        },
      },
      { onRestart: (each) => told.push(each), onNote: () => undefined, workers: () => null },
    );
    const back = { name: 'temporal', pid: 7, restarts: 1, seconds: 1 } as const;
    restart({ ...back, address: '127.0.0.1:7233' });
    const open = Symbol('open');
    expect(await Promise.race([watch.failed, Promise.resolve(open)])).toBe(open);
    restart({ ...back, address: '127.0.0.1:40001' });
    const error = await watch.failed.catch((thrown: unknown) => thrown);
    const { fault } = error as PipelineError;
    expect(exitCodeOf(fault)).toBe(4);
    expect(fault).toMatchObject({
      what: expect.stringContaining('came back at another address'),
      where: '127.0.0.1:40001',
      remedy: 'The same command goes on with the run there.',
    });
    expect(told).toHaveLength(2);
  });
});
