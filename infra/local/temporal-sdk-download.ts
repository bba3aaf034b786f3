// Script: has the SDK download its development server into the folder given, as `temporal`. It runs as a
// process of its own because the native download cannot be stopped otherwise.

import { readdir, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { native as bridge } from '@temporalio/core-bridge';
import { makeLocalFolder } from '../local-folder.ts';

const KEEP_MS = 10 * 365 * 24 * 3_600_000;

try {
  await download(process.argv[2] ?? '');
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** Starting and stopping a server is the only call that the SDK offers for fetching one. */
async function download(folder: string): Promise<void> {
  const require = createRequire(import.meta.url);
  const { native } = require('@temporalio/core-bridge') as { native: typeof bridge };
  const { version } = require('@temporalio/core-bridge/package.json') as { version: string };
  makeLocalFolder(folder);
  const runtime = native.newRuntime({
    logExporter: { type: 'console', filter: 'OFF', format: null },
    telemetry: { attachServiceName: false, metricPrefix: 'temporal_' },
    metricsExporter: null,
    workerHeartbeatIntervalMillis: null,
  });
  const server = await native.newEphemeralServer(runtime, serverConfig(folder, version));
  await native.ephemeralServerShutdown(server);
  native.runtimeShutdown(runtime);
  const [binary] = (await readdir(folder)).filter((name) => name.startsWith('temporal'));
  if (binary === undefined) throw new Error('the SDK left no binary in the download folder');
  await rename(join(folder, binary), join(folder, 'temporal'));
}

function serverConfig(downloadDir: string, sdkVersion: string): bridge.EphemeralServerConfig {
  return {
    type: 'dev-server',
    exe: {
      type: 'cached-download',
      downloadDir,
      version: 'default',
      ttl: KEEP_MS,
      sdkName: 'sdk-typescript',
      sdkVersion,
    },
    namespace: 'default',
    ip: '127.0.0.1',
    port: null,
    uiPort: null,
    dbFilename: null,
    ui: false,
    log: { format: 'pretty', level: 'error' },
    extraArgs: [],
  };
}
