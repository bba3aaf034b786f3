// Sockets that hand on whole answers. Left to itself Node allocates 64 KB for every read and kafkajs joins what it has gathered, so that
// each byte of the log is garbage twice; here the kernel writes into the answer itself, but for its beginning.

import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const READ_BYTES = 64 * 1024;
const SIZE_BYTES = 4;
/** Twice the largest message of ours, which a broker answers whole. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
const KEEP_ALIVE_DELAY_MS = 60_000;

/** For kafkajs: `data` is one answer with the size in front of it, as Kafka's protocol has them, over TCP or TLS. */
export const framedSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const frames = new Frames((answer) => socket.emit('data', answer));
  const onread = {
    buffer: () => frames.room,
    callback: (count: number) => {
      try {
        frames.took(count);
      } catch (error) {
        socket.destroy(error as Error);
      }
      return true;
    },
  };
  const options = { host, port, onread };
  const socket: Socket = ssl
    ? connectTls({ ...options, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : connect(options, onConnect);
  return socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
};

/** Cuts a stream into answers: int32 size, then so many bytes. What comes next goes into {@link room}. */
export class Frames {
  readonly #onFrame: (frame: Buffer) => void;
  /** Bytes that come before it is known how large their answer is. */
  readonly #arrival = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #size = Buffer.alloc(SIZE_BYTES);
  /** The answer under way, once its size is known; its size goes with it. */
  #frame: Buffer | null = null;
  /** Bytes of the size, or of the answer, that are there. */
  #filled = 0;

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Where the next bytes belong; never empty. */
  get room(): Buffer {
    return this.#frame === null ? this.#arrival : this.#frame.subarray(this.#filled);
  }

  /**
   * @param count - bytes that were written into {@link room}.
   * @throws Error for a size that no broker sends.
   */
  took(count: number): void {
    if (this.#frame === null) {
      this.#cut(this.#arrival.subarray(0, count));
      return;
    }
    this.#filled += count;
    if (this.#filled === this.#frame.length) this.#end();
  }

  #cut(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const target = this.#frame ?? this.#size;
      const count = Math.min(bytes.length - at, target.length - this.#filled);
      bytes.copy(target, this.#filled, at, at + count);
      at += count;
      this.#filled += count;
      if (this.#filled < target.length) return;
      if (this.#frame === null) this.#begin();
      if (this.#filled === this.#frame?.length) this.#end();
    }
  }

  #begin(): void {
    const size = this.#size.readInt32BE();
    if (size < 0 || size > MAX_ANSWER_BYTES)
      throw new Error(`the answer claims to have ${size} bytes: this is no Kafka broker`);
    this.#frame = Buffer.allocUnsafeSlow(SIZE_BYTES + size);
    this.#size.copy(this.#frame);
  }

  #end(): void {
    const frame = this.#frame!;
    this.#frame = null;
    this.#filled = 0;
    this.#onFrame(frame);
  }
}
