// Answers come whole, however the network cuts them, and what is no broker is told from one.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frames, framedSocket } from '../../../infra/kafka/framed-socket.ts';

function framed(body: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

describe('Frames', () => {
  it('joins what was cut, and cuts what came together', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }),
        (bodies, lengths) => {
          const sent = bodies.map(framed);
          const stream = Buffer.concat(sent);
          const got: Buffer[] = [];
          const frames = new Frames((frame) => got.push(frame));
          for (let at = 0, i = 0; at < stream.length; i++) {
            const { room } = frames;
            expect(room.length).toBeGreaterThan(0);
            const count = stream.copy(room, 0, at, at + lengths[i % lengths.length]!);
            frames.took(count);
            at += count;
          }
          expect(got).toEqual(sent);
        },
      ),
    );
  });

  it('refuses sizes that no broker sends', () => {
    const reading = (bytes: Buffer) => () => {
      const frames = new Frames(() => undefined);
      frames.took(bytes.copy(frames.room));
    };
    expect(reading(Buffer.from('HTTP/1.1 400 Bad Request'))).toThrow(/no Kafka broker/);
    expect(reading(Buffer.from([255, 255, 255, 255]))).toThrow('-1 bytes');
  });
});

describe('framedSocket', () => {
  it('hands on an answer larger than its buffer as one piece', async () => {
    const body = Buffer.alloc(3_000_000, 'codes');
    await using server = createServer((peer) => {
      peer.write(framed(body));
      peer.end(framed(Buffer.from('next')));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const got: Buffer[] = [];
    const socket = framedSocket({ host: '127.0.0.1', port, ssl: false as never, onConnect: () => undefined });
    socket.on('data', (answer) => got.push(answer));
    await once(socket, 'close');
    expect(got.map(({ length }) => length)).toEqual([4 + body.length, 8]);
    expect(got[0]!.subarray(4).equals(body)).toBe(true);
  });

  it('ends with an error where something else listens', async () => {
    await using server = createServer((peer) => peer.end('SSH-2.0-OpenSSH_9.2\r\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = framedSocket({ host: '127.0.0.1', port, ssl: false as never, onConnect: () => undefined });
    const [error] = await once(socket, 'error');
    expect(String(error)).toContain('no Kafka broker');
  });
});
