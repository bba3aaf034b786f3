// The invariant: with keys, what Temporal keeps can be read with the key it was written with and with no other, and a changed
// payload is refused; without keys payloads stay as they are.

import { createDecipheriv, randomBytes } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dataConverterOf, isEncrypting, payloadCodec, readPayloadKeys } from '../../infra/payload-codec.ts';

const KEY = randomBytes(32).toString('base64');
const NEXT = randomBytes(32).toString('base64');
const codecOf = (keys: string) => payloadCodec(readPayloadKeys({ TESSERA_PAYLOAD_KEYS: keys }));
const plain = (value: unknown) => defaultPayloadConverter.toPayload(value);
const refused = (value: RegExp) => ({
  fault: { kind: 'config-invalid', value: expect.stringMatching(value) },
});

it('gives back every payload, and shows nothing of it before', async () => {
  const codec = codecOf(`a:${KEY}`);
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.string({ minLength: 12 }), async (value, secret) => {
      const payload = plain({ value, secret: `<${secret}>` });
      const [hidden] = await codec.encode([payload]);
      const shown = Buffer.from(hidden!.data!).toString('latin1');
      expect(shown).not.toContain(secret);
      const [found] = await codec.decode([hidden!]);
      expect(defaultPayloadConverter.fromPayload(found!)).toEqual(
        defaultPayloadConverter.fromPayload(payload),
      );
    }),
    { numRuns: 50 },
  );
});

it('is AES-256-GCM with the nonce before and the tag behind, so that other programs can read it', async () => {
  const [hidden] = await codecOf(`a:${KEY}`).encode([plain('hello')]);
  const bytes = Buffer.from(hidden!.data!);
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(KEY, 'base64'), bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from('a')).setAuthTag(bytes.subarray(-16));
  const text = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('latin1');
  expect(text).toContain('"hello"');
  expect(text).toContain('json/plain');
});

it('never makes the same bytes twice', async () => {
  const hidden = await codecOf(`a:${KEY}`).encode([plain(1), plain(1)]);
  expect(hidden[0]!.data).not.toEqual(hidden[1]!.data);
});

it('reads what an older key wrote as long as it is given, and writes with the first', async () => {
  const old = await codecOf(`a:${KEY}`).encode([plain(7)]);
  const rotated = codecOf(`b:${NEXT},a:${KEY}`);
  expect(defaultPayloadConverter.fromPayload((await rotated.decode(old))[0]!)).toBe(7);
  const fresh = await rotated.encode([plain(8)]);
  await expect(codecOf(`a:${KEY}`).decode(fresh)).rejects.toMatchObject(refused(/"b" is not among/));
});

it('refuses a wrong key under the same id, and every changed byte', async () => {
  const codec = codecOf(`a:${KEY}`);
  const [hidden] = await codec.encode([plain('x')]);
  await expect(codecOf(`a:${NEXT}`).decode([hidden!])).rejects.toMatchObject(refused(/"a" does not fit/));
  for (let at = 0; at < hidden!.data!.length; at++) {
    const data = Buffer.from(hidden!.data!);
    data[at]! ^= 1;
    await expect(codec.decode([{ ...hidden!, data }])).rejects.toMatchObject(refused(/does not fit/));
  }
  await expect(codec.decode([{ ...hidden!, data: Buffer.from('short') }])).rejects.toMatchObject(
    refused(/does not fit/),
  );
});

it('leaves payloads alone without keys, but says what encrypted ones need', async () => {
  const keys = readPayloadKeys({});
  const payload = plain({ a: 1 });
  expect(isEncrypting(keys)).toBe(false);
  expect(dataConverterOf(keys).failureConverterPath).toBeUndefined();
  expect(await payloadCodec(keys).encode([payload])).toEqual([payload]);
  expect(await payloadCodec(keys).decode([payload])).toEqual([payload]);
  const hidden = await codecOf(`a:${KEY}`).encode([payload]);
  await expect(payloadCodec(keys).decode(hidden)).rejects.toMatchObject(refused(/not among/));
});

it.each(['nokey', `a:${randomBytes(16).toString('base64')}`, `a:${KEY},a:${NEXT}`, `:${KEY}`, `a b:${KEY}`])(
  'refuses %s without repeating it',
  (value) => {
    try {
      readPayloadKeys({ TESSERA_PAYLOAD_KEYS: value });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ fault: { kind: 'config-invalid', where: 'TESSERA_PAYLOAD_KEYS' } });
      for (const key of value.split(/[:,]/).filter((part) => part.length > 10))
        expect(JSON.stringify(error) + String(error)).not.toContain(key);
    }
  },
);

it('shows no key when it is printed', () => {
  const keys = readPayloadKeys({ TESSERA_PAYLOAD_KEYS: `a:${KEY}` });
  expect(JSON.stringify({ keys }) + String(keys)).not.toContain(KEY);
});
