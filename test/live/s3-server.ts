// An S3 server for one test: moto, out of PyPI, kept in the cache beside the other services' downloads.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeCacheFolder } from '../../infra/local/cache-folder.ts';
import { readEnv } from '../../infra/env.ts';

const REQUIREMENTS = fileURLToPath(new URL('moto.txt', import.meta.url));
const NAME = 'moto-5.2.1';

export interface S3Server {
  /** Settings of every program that speaks S3; the keys are those of no one. */
  readonly variables: Readonly<Record<string, string>>;
  /** Makes a bucket. */
  makeBucket(name: string): Promise<void>;
  /** Copies everything below a prefix into a folder. */
  download(bucket: string, prefix: string, folder: string): Promise<void>;
  /** From now on only keys that the server has given out are let in: none. */
  denyAll(): Promise<void>;
  admitAll(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server on a port of 127.0.0.1; what it holds lives in its memory. */
export async function startS3(port: number, env: NodeJS.ProcessEnv): Promise<S3Server> {
  const packages = await provision(readEnv(env).cache);
  const main = `from moto.server import main; main(['-H', '127.0.0.1', '-p', '${port}'])`;
  const server = spawn('python3', ['-c', main], {
    env: { ...process.env, PYTHONPATH: packages, PYTHONNOUSERSITE: '1' },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  await untilAnswers(url);
  const auth = (count: string) => fetch(`${url}/moto-api/reset-auth`, { method: 'POST', body: count });
  return {
    variables: {
      AWS_ENDPOINT_URL_S3: url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST',
      AWS_SECRET_ACCESS_KEY: 'marker-secret-of-s3',
    },
    async makeBucket(name) {
      await fetch(`${url}/${name}`, { method: 'PUT' });
    },
    download: (bucket, prefix, folder) => download(`${url}/${bucket}`, prefix, folder),
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

/** By plain HTTP and not by the client under test. */
async function download(bucket: string, prefix: string, folder: string): Promise<void> {
  const listing = await (await fetch(`${bucket}?list-type=2&max-keys=1000&prefix=${prefix}/`)).text();
  if (listing.includes('<IsTruncated>true')) throw new Error('more than a page of objects');
  for (const [, key = ''] of listing.matchAll(/<Key>([^<]+)<\/Key>/g)) {
    const file = join(folder, key.slice(prefix.length + 1));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, Buffer.from(await (await fetch(`${bucket}/${key}`)).arrayBuffer()));
  }
}
