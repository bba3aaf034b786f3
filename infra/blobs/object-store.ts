// S3 and what speaks its language, through the AWS SDK: the only file that knows it. Settings are those of every AWS program
// (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, ...). A PUT, or the end of a multipart upload, gives a name
// its whole content at once, so nothing half-written has a name.

import { open } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { ObjectPlace } from './object-path.ts';
import { asFault } from './object-faults.ts';

/** Parts of a multipart upload, and the size from which on a file goes in parts. */
const PART_BYTES = 16 * 2 ** 20;
/** A store that took a request and fell silent must not hold a worker for ever. */
const TIMEOUTS_MS = { connectionTimeout: 10_000, socketTimeout: 60_000 };
/** S3 takes no more parts of one object. */
const MAX_PARTS = 10_000;

/** Objects by bucket and key. Every method throws a PipelineError, or an error with `code: 'ENOENT'` where there is no object. */
export interface ObjectStore {
  put(at: ObjectPlace, bytes: Uint8Array): Promise<void>;
  /** Uploads a file, in parts where it is large; a failed upload leaves nothing. */
  putFile(at: ObjectPlace, file: string): Promise<void>;
  get(at: ObjectPlace): Promise<Uint8Array>;
  /** Bytes `[from, to)` of the version that `etag` names. */
  getRange(at: ObjectPlace, range: { from: number; to: number; etag: string }): Promise<Uint8Array>;
  head(at: ObjectPlace): Promise<{ readonly bytes: number; readonly etag: string }>;
  copy(from: ObjectPlace, to: ObjectPlace): Promise<void>;
  remove(at: ObjectPlace): Promise<void>;
  /** Names directly below a key, as of a folder, sorted. */
  names(at: ObjectPlace): Promise<string[]>;
  /** Keys of all objects below a key, sorted. */
  keysBelow(at: ObjectPlace): Promise<string[]>;
}

/** The store that the environment names. */
export function openObjectStore(): ObjectStore {
  // The version is pinned; that later ones want a newer Node is nothing that a run should say.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  // Servers other than AWS rarely answer to a host name per bucket.
  const forcePathStyle = (process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL ?? '') !== '';
  const client = new S3Client({ forcePathStyle, maxAttempts: 5, requestHandler: TIMEOUTS_MS });
  return {
    async put(at, bytes) {
      await told(at, () => client.send(new PutObjectCommand({ ...named(at), Body: bytes })));
    },
    putFile: (at, file) => told(at, () => putFile(client, at, file)),
    get: (at) => told(at, async () => bodyOf(await client.send(new GetObjectCommand(named(at))))),
    getRange: (at, { from, to, etag }) =>
      told(at, async () => {
        const range = { Range: `bytes=${from}-${to - 1}`, IfMatch: etag };
        return bodyOf(await client.send(new GetObjectCommand({ ...named(at), ...range })));
      }),
    head: (at) =>
      told(at, async () => {
        const { ContentLength = 0, ETag = '' } = await client.send(new HeadObjectCommand(named(at)));
        return { bytes: ContentLength, etag: ETag };
      }),
    async copy(from, to) {
      const source = [from.bucket, ...from.key.split('/')].map(encodeURIComponent).join('/');
      await told(from, () => client.send(new CopyObjectCommand({ ...named(to), CopySource: source })));
    },
    async remove(at) {
      await told(at, () => client.send(new DeleteObjectCommand(named(at))));
    },
    names: (at) => told(at, () => listed(client, at, '/')),
    keysBelow: (at) => told(at, () => listed(client, at, undefined)),
  };
}

async function told<T>(at: ObjectPlace, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw asFault(error, at);
  }
}

function named({ bucket, key }: ObjectPlace): { Bucket: string; Key: string } {
  return { Bucket: bucket, Key: key };
}

async function bodyOf({
  Body,
}: {
  Body?: { transformToByteArray(): Promise<Uint8Array> };
}): Promise<Uint8Array> {
  return Body === undefined ? new Uint8Array(0) : Body.transformToByteArray();
}

async function putFile(client: S3Client, at: ObjectPlace, path: string): Promise<void> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  if (size <= PART_BYTES) {
    await client.send(new PutObjectCommand({ ...named(at), Body: await file.readFile() }));
    return;
  }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(named(at)));
  try {
    const Parts: CompletedPart[] = [];
    const partBytes = Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS));
    for (let from = 0; from < size; from += partBytes) {
      const { buffer } = await file.read(Buffer.alloc(Math.min(partBytes, size - from)), 0, null, from);
      const part = { ...named(at), UploadId, PartNumber: Parts.length + 1 };
      const { ETag } = await client.send(new UploadPartCommand({ ...part, Body: buffer }));
      Parts.push({ ETag, PartNumber: part.PartNumber });
    }
    await client.send(
      new CompleteMultipartUploadCommand({ ...named(at), UploadId, MultipartUpload: { Parts } }),
    );
  } catch (error) {
    // Parts of an upload that is not ended are paid for; the upload's own error matters more than this one's.
    await client.send(new AbortMultipartUploadCommand({ ...named(at), UploadId })).catch(() => undefined);
    throw error;
  }
}

async function listed(
  client: S3Client,
  { bucket, key }: ObjectPlace,
  delimiter: '/' | undefined,
): Promise<string[]> {
  const prefix = key === '' ? '' : `${key}/`;
  const found: string[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        Delimiter: delimiter,
        ContinuationToken: token,
      }),
    );
    const folders = (page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix.slice(0, -1));
    const keys = (page.Contents ?? []).map(({ Key = '' }) => Key);
    const below = [...folders, ...keys].filter((each) => each.length > prefix.length);
    found.push(...(delimiter === undefined ? below : below.map((each) => each.slice(prefix.length))));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return found.sort();
}
