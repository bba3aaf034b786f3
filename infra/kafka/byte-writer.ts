// Kafka's primitive types, written one behind the other into a buffer that is kept and used again.

/** Bytes of a request under construction. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(4096);
  /** Bytes written so far. */
  length = 0;

  /** What was written: a view that the next request overwrites. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  /** Makes room for `more` bytes. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.length);
    this.#bytes = grown;
  }

  int8(value: number): this {
    this.reserve(1);
    this.length = this.#bytes.writeInt8(value, this.length);
    return this;
  }

  int16(value: number): this {
    this.reserve(2);
    this.length = this.#bytes.writeInt16BE(value, this.length);
    return this;
  }

  int32(value: number): this {
    this.reserve(4);
    this.length = this.#bytes.writeInt32BE(value, this.length);
    return this;
  }

  int64(value: bigint): this {
    this.reserve(8);
    this.length = this.#bytes.writeBigInt64BE(value, this.length);
    return this;
  }

  /** INT16 length and UTF-8. */
  string(text: string): this {
    return this.int16(Buffer.byteLength(text)).text(text);
  }

  /** UTF-8 without its length. */
  text(text: string): this {
    this.reserve(text.length * 3);
    this.length += this.#bytes.write(text, this.length);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.byteLength;
    return this;
  }

  /** A zigzag varint of up to 32 bits. */
  varint(value: number): this {
    this.reserve(5);
    let rest = zigzag(value);
    for (; rest > 127; rest >>>= 7) this.#bytes[this.length++] = (rest & 127) | 128;
    this.#bytes[this.length++] = rest;
    return this;
  }

  /** Fills in an INT32 that was left open. */
  patchInt32(value: number, at: number): void {
    this.#bytes.writeInt32BE(value, at);
  }

  /** Fills in a UINT32 that was left open. */
  patchUint32(value: number, at: number): void {
    this.#bytes.writeUInt32BE(value, at);
  }
}

/** Bytes of a varint. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = zigzag(value); rest > 127; rest >>>= 7) bytes++;
  return bytes;
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}
