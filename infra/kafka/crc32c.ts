// CRC-32C (Castagnoli), which Kafka keeps over every record batch. Eight bytes a step: kafkajs's own takes one, and was
// a tenth of an encoder's time.

/** 0x1EDC6F41, bit-reversed. */
const POLYNOMIAL = 0x82f63b78;
const TABLES = tables();

/**
 * Checksum of `bytes`.
 * @returns unsigned 32 bits.
 * @see RFC 3720, section 12.1; Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC
 *   Generation", 2008 (slicing by 8).
 */
export function crc32c(bytes: Uint8Array): number {
  const table = TABLES;
  const whole = bytes.length - (bytes.length % 8);
  let crc = -1;
  let at = 0;
  for (; at < whole; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      table[1792 + (crc & 255)]! ^
      table[1536 + ((crc >>> 8) & 255)]! ^
      table[1280 + ((crc >>> 16) & 255)]! ^
      table[1024 + (crc >>> 24)]! ^
      table[768 + bytes[at + 4]!]! ^
      table[512 + bytes[at + 5]!]! ^
      table[256 + bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}

/** `[8, 256]`: what a byte adds to the remainder when 0 to 7 bytes follow it. */
function tables(): Int32Array {
  const all = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    all[byte] = crc;
  }
  for (let at = 256; at < all.length; at++) {
    const before = all[at - 256]!;
    all[at] = (before >>> 8) ^ all[before & 255]!;
  }
  return all;
}
