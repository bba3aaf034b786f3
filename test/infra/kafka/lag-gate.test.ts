import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CodeMessage } from '../../../activities/ports.ts';
import { LagGate } from '../../../infra/kafka/lag-gate.ts';

const HEADERS = { kind: 'codes', run: 'r', shard: 0, batch: 0 };

function messages(count: number, bytes: number): CodeMessage[] {
  return Array.from({ length: count }, () => ({
    partition: 0,
    key: 'k',
    value: new Uint8Array(bytes),
    headers: HEADERS,
  }));
}

/** A gate of 1,000 bytes after `count` messages of 100 bytes, and a reader at `read`. */
function gated(count: number, read: { at: bigint | null }) {
  const gate = new LagGate(1000);
  gate.wrote(messages(count, 100), new Map([[0, BigInt(count)]]));
  const asked = { times: 0 };
  const ask = async () => {
    asked.times++;
    return new Map(read.at === null ? [] : [[0, read.at]]);
  };
  return { gate, ask, asked };
}

describe('LagGate', () => {
  const calm = new AbortController().signal;

  it('asks nobody while there is too little to lag', async () => {
    const { gate, ask, asked } = gated(10, { at: 0n });
    await gate.pass([0], { ask, signal: calm });
    expect(asked.times).toBe(0);
  });

  it('holds a writer back until the reader has come near enough', async () => {
    const read = { at: 0n };
    const { gate, ask } = gated(30, read);
    let waited = 0;
    let passed = false;
    const pass = gate.pass([0], { ask, signal: calm, onWait: () => waited++ }).then(() => {
      passed = true;
    });
    await sleep(20);
    expect([passed, waited]).toEqual([false, 1]);
    // Eleven messages of 100 bytes are still too many, ten are not.
    read.at = 19n;
    await sleep(300);
    expect(passed).toBe(false);
    read.at = 20n;
    await pass;
  });

  it('lets a writer pass where nobody has begun to read, or when it is to stop', async () => {
    const unread = gated(30, { at: null });
    await unread.gate.pass([0], { ask: unread.ask, signal: calm });
    const stopping = new AbortController();
    const { gate, ask } = gated(30, { at: 0n });
    const pass = gate.pass([0], { ask, signal: stopping.signal });
    stopping.abort();
    await pass;
  });
});
