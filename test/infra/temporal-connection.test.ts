// The invariant: a request that waits for its next try when its connection is closed is cancelled. It must not throw from the timer
// of that try, which would end a command whose run is done with exit 1.

import type { ServerHttp2Stream } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { Connection } from '@temporalio/client';
import { afterEach, describe, expect, it } from 'vitest';
import { retrying } from '../../infra/temporal-connection.ts';
import { answeredBy } from './answering-server.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A connection to a server that answers every request as one that is going away, and the requests it has had. */
async function toServerGoingAway(): Promise<{ connection: Connection; tries: () => number }> {
  let tries = 0;
  const answer = (stream: ServerHttp2Stream) => {
    tries++;
    const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': status.UNAVAILABLE };
    stream.respond(headers, { endStream: true });
  };
  const { connection, close } = await answeredBy(answer, { interceptors: retrying() });
  closing.push(close);
  return { connection, tries: () => tries };
}

describe('requests of a connection that is closed', () => {
  it('are cancelled where they wait for their next try', async () => {
    const { connection, tries } = await toServerGoingAway();
    const asked = connection.workflowService.getSystemInfo({}).then(
      () => null,
      (error: unknown) => error,
    );
    while (tries() < 2) await sleep(5);
    await connection.close();
    expect(await asked).toMatchObject({ code: status.CANCELLED });
    expect(tries()).toBe(2);
  });

  it('are cancelled where they are made afterwards', async () => {
    const { connection, tries } = await toServerGoingAway();
    await connection.close();
    await expect(connection.workflowService.getSystemInfo({})).rejects.toMatchObject({
      code: status.CANCELLED,
    });
    expect(tries()).toBe(0);
  });
});
