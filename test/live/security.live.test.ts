// The invariant: commands and workers use services that exist already, by the security settings of the
// environment alone, and no secret comes out.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEnv } from '../../infra/env.ts';
import { claimPorts } from '../../infra/local/ports.ts';
import { ensureServices, type Services } from '../../infra/services.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { type LiveHome, makeHome } from './live-home.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { filesBelow } from './run-files.ts';
import { type SecureKafka, startSecureKafka } from './secure-kafka.ts';
import type { CommandEnd } from './tessera-command.ts';
import { type KeyGate, openKeyGate } from './key-gate.ts';
import { openTlsGate, type TlsGate } from './tls-gate.ts';

const LOGIN = { username: 'sweeper', password: 'correct-horse-battery' };
const WRONG = 'wrong-horse-battery';
const API_KEY = 'marker-api-key-of-temporal';
const NAMESPACE = 'guarded';

describe('services behind TLS and passwords', () => {
  let home: LiveHome;
  let temporal: Services;
  let kafka: SecureKafka;
  let gate: TlsGate;
  let keyGate: KeyGate;
  let settings: NodeJS.ProcessEnv;
  /** All that commands said. */
  const said: string[] = [];

  beforeAll(async () => {
    home = makeHome('secure');
    mkdirSync(home.runs, { recursive: true });
    const certificates = makeCertificates(join(home.folder, 'certificates'));
    await using claimed = await claimPorts([[], [], [], []]);
    const [clients = 0, internal = 0, controller = 0, mutual = 0] = claimed.ports;
    const ports = { clients, mutual, internal, controller };
    kafka = await startSecureKafka(join(home.folder, 'broker'), {
      env: home.env,
      ports,
      login: LOGIN,
      certificates,
    });
    // Only Temporal is started here, because brokers are configured; it lives in a home of its own.
    const server = { ...home.env, TESSERA_HOME: join(home.folder, 'server'), TEMPORAL_NAMESPACE: NAMESPACE };
    const env = readEnv({ ...server, ...kafkaSettings(certificates) });
    temporal = await ensureServices({ env, keep: false });
    const port = Number(temporal.temporal.address.split(':')[1]);
    gate = await openTlsGate(port, certificates);
    keyGate = await openKeyGate(port, { certificates, apiKey: API_KEY });
    settings = { ...kafkaSettings(certificates), ...temporalSettings(certificates) };
  });

  afterAll(async () => {
    gate?.close();
    keyGate?.close();
    await temporal?.stop();
    await kafka?.stop();
    await home.close();
  });

  function kafkaSettings({ ca }: Certificates): Record<string, string> {
    return {
      KAFKA_BROKERS: kafka.address,
      KAFKA_SSL_CA: ca,
      KAFKA_SASL_MECHANISM: 'scram-sha-256',
      KAFKA_SASL_USERNAME: LOGIN.username,
      KAFKA_SASL_PASSWORD: LOGIN.password,
    };
  }

  /** A profile as the temporal CLI and every SDK read it. */
  function temporalSettings({ ca, client }: Certificates): Record<string, string> {
    const at = `address = "localhost:${gate.port}"\nnamespace = "${NAMESPACE}"`;
    const profile = (name: string, own: string) =>
      [`[profile.${name}]`, at, `[profile.${name}.tls]`, `server_ca_cert_path = "${ca}"`, own].join('\n');
    const known = `client_cert_path = "${client.cert}"\nclient_key_path = "${client.key}"\n`;
    const file = join(home.folder, 'temporal.toml');
    writeFileSync(file, `${profile('known', known)}\n${profile('stranger', '')}`);
    return { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'known' };
  }

  async function run(name: string, changed: NodeJS.ProcessEnv): Promise<CommandEnd> {
    const sets = { run: name, 'dataset.rows': [0, 1500], 'dataset.shardRows': 500 };
    const config = join(EXAMPLES, 'mnist-mlp/sweep.yaml');
    const end = await home.tessera(['run', config, '--out', home.runs, '--json', ...setOptions(sets)], {
      ...settings,
      ...changed,
    });
    said.push(end.stdout, end.stderr);
    return end;
  }

  for (const mechanism of ['scram-sha-512', 'scram-sha-256', 'plain']) {
    it(`sweeps over SASL_SSL (${mechanism}) and mutual TLS`, async () => {
      const before = gate.admitted;
      const end = await run(mechanism, { KAFKA_SASL_MECHANISM: mechanism });
      expect(end.code, end.stderr).toBe(0);
      expect(end.json).toMatchObject({ status: 'done', rows: { points: 1500 } });
      // At least one connection of the command and one of its worker.
      expect(gate.admitted - before).toBeGreaterThanOrEqual(2);
      expect(end.stderr).not.toMatch(/starting on/);
    });
  }

  /** The same server through the gate that asks for a key. */
  function byApiKey(apiKey: string): NodeJS.ProcessEnv {
    return {
      TEMPORAL_CONFIG_FILE: '',
      TEMPORAL_PROFILE: '',
      TEMPORAL_ADDRESS: `localhost:${keyGate.port}`,
      TEMPORAL_NAMESPACE: NAMESPACE,
      TEMPORAL_API_KEY: apiKey,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(home.folder, 'certificates/ca.pem'),
    };
  }

  it('sweeps with an API key for Temporal and a client certificate for Kafka', async () => {
    const { cert, key } = { cert: 'client.pem', key: 'client.key' };
    const end = await run('keys', {
      ...byApiKey(API_KEY),
      KAFKA_BROKERS: kafka.mutual,
      KAFKA_SASL_MECHANISM: '',
      KAFKA_SASL_USERNAME: '',
      KAFKA_SASL_PASSWORD: '',
      KAFKA_SSL_CERT: join(home.folder, 'certificates', cert),
      KAFKA_SSL_KEY: join(home.folder, 'certificates', key),
    });
    expect(end.code, end.stderr).toBe(0);
    expect(end.json).toMatchObject({ status: 'done', rows: { points: 1500 } });
    expect(keyGate.admitted).toBeGreaterThan(10);
    expect(keyGate.refused).toBe(0);
  });

  it('says which service refused, and never the password', async () => {
    const [badPassword, noCertificate, plainText, badKey, noKafkaCertificate] = await Promise.all([
      run('wrong-password', { KAFKA_SASL_PASSWORD: WRONG }),
      run('no-certificate', { TEMPORAL_PROFILE: 'stranger' }),
      run('no-tls', { KAFKA_SSL_CA: '', KAFKA_SSL: 'false' }),
      run('bad-key', byApiKey(WRONG)),
      run('no-kafka-certificate', { KAFKA_BROKERS: kafka.mutual }),
    ]);
    for (const end of [badPassword, noCertificate, plainText, badKey, noKafkaCertificate]) {
      expect(end.code, end.stderr).toBe(4);
      expect(end.json).toMatchObject({ exitCode: 4, fault: { kind: 'service-unavailable' } });
      expect(end.stderr.match(/^error: /gm)).toHaveLength(1);
    }
    expect(badPassword.stderr).toMatch(/KAFKA_BROKERS.*authentication/i);
    expect(badPassword.stderr).toContain('KAFKA_SASL');
    expect(noCertificate.stderr).toMatch(/TEMPORAL_ADDRESS.*TLS/);
    expect(plainText.stderr).toMatch(/KAFKA_BROKERS.*KAFKA_SSL/);
    expect(badKey.stderr).toMatch(/TEMPORAL_ADDRESS.*API key/i);
    expect(noKafkaCertificate.stderr).toMatch(/KAFKA_BROKERS/);
  });

  it('runs code that a config names only when the user says so', async () => {
    const marker = join(home.folder, 'it-ran');
    const module = `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(marker)}, '');\n`;
    writeFileSync(join(home.folder, 'target.mjs'), module);
    const config = join(home.folder, 'module.yaml');
    writeFileSync(config, 'kind: metflow\ntarget: { module: ./target.mjs }\nkernels: [{ type: rwm }]\n');
    const command = ['run', config, '--out', home.runs, '--json'];
    const refused = await home.tessera(command, settings);
    expect(refused.code, refused.stderr).toBe(2);
    expect(refused.json).toMatchObject({ fault: { kind: 'code-not-allowed' } });
    expect(existsSync(marker)).toBe(false);
    // It exports no target, so the run fails; but not before its code ran.
    const allowed = await home.tessera([...command, '--allow-code'], settings);
    expect(allowed.code, allowed.stderr).toBe(3);
    expect(existsSync(marker)).toBe(true);
  });

  it('wrote no secret anywhere', () => {
    // The server's database is read too: it holds the histories. The broker's folder has its administrator's passwords.
    const own = filesBelow(home.folder).filter((file) => !/^(broker|certificates)\//.test(file));
    expect(own.some((file) => file.endsWith('temporal.db'))).toBe(true);
    expect(own.some((file) => file.includes('logs/worker-'))).toBe(true);
    const texts = [...said, ...own.map((file) => readFileSync(join(home.folder, file), 'latin1'))];
    const key = readFileSync(join(home.folder, 'certificates', 'client.key'), 'utf8').split('\n')[1]!;
    for (const secret of [LOGIN.password, WRONG, API_KEY, key])
      expect(texts.some((text) => text.includes(secret))).toBe(false);
  });
});
