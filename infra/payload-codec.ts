// Encrypts what Temporal keeps: inputs, results, signals, heartbeats, memos and the messages of failures. AES-256-GCM with a
// fresh nonce for each payload; the key's id goes with the payload, so keys can be rotated while runs go on.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/proto';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import { PipelineError } from '#schemas/errors.ts';
import { invalid } from './env-values.ts';
import { sealed, type Sealed } from './local/sealed.ts';
import type { Variables } from './local/temporal-profile.ts';

const { Payload: Plain } = proto.temporal.api.common.v1;

const VARIABLE = 'TESSERA_PAYLOAD_KEYS';
const ENCODING = 'binary/encrypted';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A key by its id. */
export interface PayloadKey {
  readonly id: string;
  readonly key: Buffer;
}

/** Keys in order: the first one encrypts, all of them decrypt. Empty where nothing is encrypted. */
export type PayloadKeys = Sealed<readonly PayloadKey[]>;

/**
 * Reads `TESSERA_PAYLOAD_KEYS`: `id:base64`, comma separated.
 * @throws PipelineError `config-invalid`, which names an id at most and never a key.
 */
export function readPayloadKeys(variables: Variables): PayloadKeys {
  const text = variables[VARIABLE]?.trim() ?? '';
  const keys = text === '' ? [] : text.split(',').map(parseKey);
  if (new Set(keys.map(({ id }) => id)).size < keys.length)
    throw invalid(VARIABLE, null, 'keys with different ids');
  return sealed(keys);
}

/** What clients and workers need to speak with each other; the failure converter only where something is encrypted. */
export function dataConverterOf(keys: PayloadKeys): DataConverter {
  const converter = { payloadCodecs: [payloadCodec(keys)] };
  return isEncrypting(keys) ? { ...converter, failureConverterPath: FAILURE_CONVERTER } : converter;
}

/** Whether payloads are encrypted. */
export function isEncrypting(keys: PayloadKeys): boolean {
  return keys.reveal().length > 0;
}

/** CommonJS, because the SDK requires it by its path, in the process and in the workflows' bundle. */
export const FAILURE_CONVERTER = fileURLToPath(new URL('failure-converter.cjs', import.meta.url));

/** Without keys payloads stay plain, and encrypted ones are refused with what to do. */
export function payloadCodec(keys: PayloadKeys): PayloadCodec {
  return {
    async encode(payloads) {
      const [first] = keys.reveal();
      return first === undefined ? payloads : payloads.map((payload) => encrypted(payload, first));
    },
    async decode(payloads) {
      return payloads.map((payload) => (isEncrypted(payload) ? decrypted(payload, keys.reveal()) : payload));
    },
  };
}

function parseKey(text: string): PayloadKey {
  const [id = '', encoded = ''] = text.trim().split(':');
  const key = Buffer.from(encoded, 'base64');
  if (/^[\w.-]{1,64}$/.test(id) && key.length === KEY_BYTES) return { id, key };
  throw invalid(VARIABLE, null, `id:key, comma separated, with keys of ${KEY_BYTES} bytes in base64`);
}

function isEncrypted({ metadata }: Payload): boolean {
  return metadata?.encoding !== undefined && Buffer.from(metadata.encoding).toString() === ENCODING;
}

function encrypted(payload: Payload, { id, key }: PayloadKey): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(id));
  const plain = Plain.encode(payload).finish();
  const data = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { metadata: { encoding: Buffer.from(ENCODING), 'encryption-key-id': Buffer.from(id) }, data };
}

function decrypted({ metadata, data }: Payload, keys: readonly PayloadKey[]): Payload {
  const id = Buffer.from(metadata?.['encryption-key-id'] ?? []).toString();
  const found = keys.find((key) => key.id === id);
  const bytes = Buffer.from(data ?? []);
  if (found === undefined)
    throw unreadable(`key ${JSON.stringify(id.slice(0, 64))} is not among those given`);
  try {
    const decipher = createDecipheriv(CIPHER, found.key, bytes.subarray(0, NONCE_BYTES));
    decipher.setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(-TAG_BYTES));
    const plain = [decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()];
    return Plain.decode(Buffer.concat(plain));
  } catch {
    throw unreadable(`key ${JSON.stringify(id)} does not fit, or the payload was changed`);
  }
}

function unreadable(value: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    where: VARIABLE,
    what: 'a payload of this run cannot be decrypted',
    value,
    remedy:
      'Give every command and worker the same keys, and keep old ones until runs that used them have ended.',
  });
}
