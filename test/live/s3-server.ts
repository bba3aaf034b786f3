// An S3 server for one test: moto, out of PyPI, kept in the cache beside the other services' downloads.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeCacheFolder } from '../../infra/local/cache-folder.ts';
import { readEnv } from '../../infra/env.ts';

const REQUIREMENTS = fileURLToPath(new URL('moto.txt', import.meta.url));
const NAME = 'moto-5.2.1';
const DOWNLOAD = `
import os, sys, boto3
bucket, prefix, folder = sys.argv[1:]
client = boto3.client('s3')
for page in client.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=prefix):
    for item in page.get('Contents', []):
        path = os.path.join(folder, item['Key'][len(prefix):])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        client.download_file(bucket, item['Key'], path)
`;

export interface S3Server {
  /** Settings of every program that speaks S3; the keys are those of no one. */
  readonly variables: Readonly<Record<string, string>>;
  /** Makes a bucket. */
  makeBucket(name: string): Promise<void>;
  /** Copies everything below a prefix into a folder. */
  download(bucket: string, prefix: string, folder: string): void;
  /** From now on only keys that the server has given out are let in: none. */
  denyAll(): Promise<void>;
  admitAll(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server on a port of 127.0.0.1; what it holds lives in its memory. */
export async function startS3(port: number, env: NodeJS.ProcessEnv): Promise<S3Server> {
  const packages = await provision(readEnv(env).cache);
  const python = { PYTHONPATH: packages, PYTHONNOUSERSITE: '1' };
  const main = `from moto.server import main; main(['-H', '127.0.0.1', '-p', '${port}'])`;
  const server = spawn('python3', ['-c', main], {
    env: { ...process.env, ...python },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  await untilAnswers(url);
  const auth = (count: string) => fetch(`${url}/moto-api/reset-auth`, { method: 'POST', body: count });
  const variables = {
    AWS_ENDPOINT_URL_S3: url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST',
    AWS_SECRET_ACCESS_KEY: 'marker-secret-of-s3',
  };
  return {
    variables,
    async makeBucket(name) {
      const { ok, status } = await fetch(`${url}/${name}`, { method: 'PUT' });
      if (!ok) throw new Error(`no bucket ${name}: HTTP ${status}`);
    },
    download: (bucket, prefix, folder) =>
      download({ bucket, prefix, folder }, { ...process.env, ...python, ...variables }),
    denyAll: async () => void (await auth('0')),
    admitAll: async () => void (await auth('Infinity')),
    async stop() {
      server.kill('SIGKILL');
      await once(server, 'close');
    },
  };
}

async function provision(cache: string): Promise<string> {
  const folder = join(cache, NAME);
  if (existsSync(folder)) return folder;
  await makeCacheFolder(folder, async (partial) => {
    const quiet = [
      '--quiet',
      '--no-input',
      '--disable-pip-version-check',
      '--only-binary=:all:',
      '--no-deps',
    ];
    execFileSync('python3', ['-m', 'pip', 'install', ...quiet, '--target', partial, '-r', REQUIREMENTS], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  });
  return folder;
}

async function untilAnswers(url: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    try {
      await fetch(url);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/** By boto3 and not by the client under test. */
function download(
  { bucket, prefix, folder }: { readonly bucket: string; readonly prefix: string; readonly folder: string },
  env: NodeJS.ProcessEnv,
): void {
  execFileSync('python3', ['-c', DOWNLOAD, bucket, `${prefix}/`, folder], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
