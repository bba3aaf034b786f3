// A proxy before one Kafka broker that knows the protocol's frames and plays tricks with Produce requests: it holds them
// back, sends copies of them at once or much later, and lets later ones overtake them. What arrives, arrives at the real broker.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RandomStream } from '../../activities/numeric/rng.ts';

/** Share of Produce requests that each trick is played with; 0 for none. */
export interface MessageFaults {
  readonly delayed: number;
  readonly duplicated: number;
  readonly reordered: number;
}

export const NO_TRICKS: MessageFaults = { delayed: 0, duplicated: 0, reordered: 0 };

export interface MessageProxy {
  readonly port: number;
  /** What is done from now on. */
  faults: MessageFaults;
  /** How often each trick was played. */
  readonly played: Record<keyof MessageFaults, number>;
  close(): void;
}

const PRODUCE = 0;
const LONGEST_DELAY_MS = 400;
/** A copy that comes so late is one that newer messages have overtaken. */
const LATE_COPY_MS = 1500;
const OVERTAKEN_MS = 300;

/** Opens a proxy on a free port of 127.0.0.1 before `target()` on the same machine. */
export async function openMessageProxy(target: () => number, random: RandomStream): Promise<MessageProxy> {
  const open = new Set<Socket>();
  const proxy = {
    port: 0,
    faults: NO_TRICKS,
    played: { delayed: 0, duplicated: 0, reordered: 0 },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
  const server = createServer((client) => {
    const broker = connect(target(), '127.0.0.1');
    for (const socket of [client, broker]) {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    }
    pipeFrames(client, broker, { proxy, random });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.port = (server.address() as AddressInfo).port;
  return proxy;
}

interface Tricks {
  readonly proxy: { readonly faults: MessageFaults; readonly played: MessageProxy['played'] };
  readonly random: RandomStream;
}

function pipeFrames(client: Socket, broker: Socket, { proxy, random }: Tricks): void {
  /** Numbers of requests whose answer is not for the client. */
  const ours = new Set<number>();
  let lastOwn = 0;
  let turn: Promise<void> = Promise.resolve();
  const end = () => {
    client.destroy();
    broker.destroy();
  };
  for (const socket of [client, broker]) socket.on('error', end).on('close', end);
  const forward = (frame: Buffer) => {
    if (broker.writable) broker.write(frame);
  };
  /** The broker gets a copy under a number of our own: negative, as no client's is. */
  const forwardOwn = (frame: Buffer) => {
    const copy = Buffer.from(frame);
    ours.add(--lastOwn);
    copy.writeInt32BE(lastOwn, 8);
    forward(copy);
  };
  const handle = async (frame: Buffer) => {
    const { delayed, duplicated, reordered } = proxy.faults;
    if (frame.readInt16BE(4) !== PRODUCE) return forward(frame);
    if (random.uniform() < delayed) {
      proxy.played.delayed++;
      await sleep(random.uniform() * LONGEST_DELAY_MS);
    }
    if (random.uniform() < reordered) {
      proxy.played.reordered++;
      // The client goes on at once; what it sends next is there first.
      client.write(acknowledgement(frame));
      setTimeout(() => forwardOwn(frame), OVERTAKEN_MS);
      return;
    }
    forward(frame);
    if (random.uniform() >= duplicated) return;
    proxy.played.duplicated++;
    if (random.below(2) === 0) forwardOwn(frame);
    else setTimeout(() => forwardOwn(frame), LATE_COPY_MS);
  };
  client.on(
    'data',
    eachFrame((frame) => {
      turn = turn.then(() => handle(frame));
    }),
  );
  broker.on(
    'data',
    eachFrame((frame) => {
      if (!ours.delete(frame.readInt32BE(4)) && client.writable) client.write(frame);
    }),
  );
}

/** Cuts a stream into frames: a length of four bytes and what it counts. */
function eachFrame(take: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      take(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  };
}

/**
 * What a broker answers to a Produce request of version 3 when all went well. The request: length, key, version, number, client,
 * transactional id, acks int16, timeout int32, topics [name, partitions [index int32, records bytes]].
 */
function acknowledgement(frame: Buffer): Buffer {
  let at = 12;
  const skipString = () => {
    at += 2 + Math.max(0, frame.readInt16BE(at));
  };
  skipString();
  skipString();
  at += 6;
  const topics: Buffer[] = [];
  const topicCount = frame.readInt32BE(at);
  at += 4;
  for (let topic = 0; topic < topicCount; topic++) {
    const nameAt = at;
    skipString();
    const partitions = frame.readInt32BE(at);
    topics.push(frame.subarray(nameAt, at + 4));
    at += 4;
    for (let i = 0; i < partitions; i++) {
      // index int32, error int16, base offset int64, time int64
      const answer = Buffer.alloc(22);
      answer.writeInt32BE(frame.readInt32BE(at), 0);
      answer.fill(0xff, 6);
      topics.push(answer);
      at += 8 + Math.max(0, frame.readInt32BE(at + 4));
    }
  }
  const head = Buffer.alloc(12);
  frame.copy(head, 4, 8, 12);
  head.writeInt32BE(topicCount, 8);
  const whole = Buffer.concat([head, ...topics, Buffer.alloc(4)]);
  whole.writeInt32BE(whole.length - 4, 0);
  return whole;
}
