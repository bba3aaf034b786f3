// What an object store's refusals mean. Requests and their headers never go into a fault: they carry signatures.

import { PipelineError, type PipelineFault } from '#schemas/errors.ts';
import type { ObjectPlace } from './object-path.ts';

const DENIED =
  /^(AccessDenied|Forbidden|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|RequestTimeTooSkewed|AllAccessDisabled|403)$/;
const OTHER_REGION =
  /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|301)$/;
const NO_REGION = /^Region (is missing|not accepted)/;
const NO_OBJECT = /^(NoSuchKey|NotFound|404)$/;

interface StoreError {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/**
 * The error to throw for what the SDK threw: `ENOENT` for a missing object, so that callers treat it as a missing file, else
 * a PipelineError that names bucket and remedy.
 */
export function asFault(error: unknown, { bucket, key }: ObjectPlace): Error {
  if (error instanceof PipelineError) return error;
  const thrown = error as StoreError;
  const where = `s3://${bucket}${key === '' ? '' : `/${key}`}`;
  const name = thrown.name ?? '';
  const status = String(thrown.$metadata?.httpStatusCode ?? '');
  if (NO_OBJECT.test(name)) return noSuchObject(where);
  return new PipelineError({ where, ...meaning(thrown, { bucket, name, status }) }, { cause: error });
}

/** What `readFile` throws for a missing file, of an object. */
export function noSuchObject(where: string): Error {
  return Object.assign(new Error(`no such object: ${where}`), { code: 'ENOENT' });
}

function meaning(
  { code, message = 'no answer' }: StoreError,
  { bucket, name, status }: { readonly bucket: string; readonly name: string; readonly status: string },
): Omit<PipelineFault, 'where'> {
  if (name === 'NoSuchBucket') {
    return {
      kind: 'storage-denied',
      what: 'there is no such bucket',
      value: bucket,
      remedy: 'Make the bucket, or correct output.dir.',
    };
  }
  const noRegion = NO_REGION.test(message);
  if (noRegion || OTHER_REGION.test(name) || status === '301') {
    const what = noRegion ? 'no region is set' : 'the bucket is in another region';
    return { kind: 'storage-denied', what, remedy: "Set AWS_REGION to the bucket's region." };
  }
  if (/Credentials/.test(name)) {
    const remedy = 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.';
    return { kind: 'storage-denied', what: 'there are no credentials for the object store', remedy };
  }
  if (DENIED.test(name) || status === '403') {
    const remedy = 'Its credentials need ListBucket, GetObject, PutObject and DeleteObject on it.';
    return { kind: 'storage-denied', what: 'the object store refuses access', value: name, remedy };
  }
  const remedy = 'Look at AWS_ENDPOINT_URL and the network; the same command resumes.';
  return {
    kind: 'service-unavailable',
    what: 'the object store does not answer',
    value: `${code ?? name}: ${message.slice(0, 200)}`,
    remedy,
  };
}
