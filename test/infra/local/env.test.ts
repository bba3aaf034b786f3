// The invariant: a variable is either understood or refused by name, and no secret is ever printed.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readEnv, temporalConnectionOptions } from '../../../infra/env.ts';
import { kafkaClientConfig } from '../../../infra/kafka-env.ts';
import { faultOf } from '../../../schemas/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'tessera-env-'));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const pem = file('some.pem', 'PEM TEXT');
/** No file of the machine's user is read. */
const base = { HOME: folder, XDG_CONFIG_HOME: folder };

describe('defaults', () => {
  it('starts local services where nothing is configured', () => {
    const env = readEnv({ ...base });
    expect(env.temporal.address).toBeNull();
    expect(env.temporal.namespace).toBe('default');
    expect(env.kafka.brokers).toBeNull();
    expect(env.home.endsWith('/.tessera')).toBe(true);
    expect(Object.isFrozen(env)).toBe(true);
  });

  it('encodes on every core, unless it is told how many', () => {
    expect(readEnv({ ...base }).encoders).toBe(availableParallelism());
    expect(readEnv({ ...base, TESSERA_ENCODERS: '3' }).encoders).toBe(3);
  });

  it('puts the cache under XDG_CACHE_HOME, and TESSERA_CACHE before that', () => {
    expect(readEnv({ ...base, XDG_CACHE_HOME: '/x' }).cache).toBe('/x/tessera');
    expect(readEnv({ ...base, XDG_CACHE_HOME: '/x', TESSERA_CACHE: '/y' }).cache).toBe('/y');
  });

  it('connects a local server without TLS, and refuses to guess an address', () => {
    const env = readEnv({ ...base, TEMPORAL_API_KEY: 'key' });
    expect(temporalConnectionOptions(env, '127.0.0.1:9')).toEqual({ address: '127.0.0.1:9' });
    expect(() => temporalConnectionOptions(env)).toThrow(/TEMPORAL_ADDRESS/);
  });
});

describe('temporal', () => {
  it('turns an API key into TLS with that key', () => {
    const env = readEnv({ ...base, TEMPORAL_ADDRESS: 'cloud.example:7233', TEMPORAL_API_KEY: 'key' });
    expect(temporalConnectionOptions(env)).toEqual({
      address: 'cloud.example:7233',
      tls: true,
      apiKey: 'key',
    });
  });

  it('reads mTLS files and the server name', () => {
    const env = readEnv({
      ...base,
      TEMPORAL_ADDRESS: 'a:1',
      TEMPORAL_TLS_CLIENT_CERT_PATH: pem,
      TEMPORAL_TLS_CLIENT_KEY_PATH: pem,
      TEMPORAL_TLS_SERVER_NAME: 'inner',
    });
    const { tls } = temporalConnectionOptions(env);
    expect(tls).toMatchObject({ serverNameOverride: 'inner' });
    const pair = typeof tls === 'object' ? tls?.clientCertPair : undefined;
    expect(Buffer.from(pair?.crt ?? []).toString()).toBe('PEM TEXT');
  });

  it('takes address and namespace from the profile that is named, under the variables', () => {
    const toml = '[profile.cloud]\naddress = "profile.example:7233"\nnamespace = "sweeps"\napi_key = "key"\n';
    const config = { ...base, TEMPORAL_CONFIG_FILE: file('t.toml', toml), TEMPORAL_PROFILE: 'cloud' };
    expect(readEnv(config).temporal).toMatchObject({ address: 'profile.example:7233', namespace: 'sweeps' });
    expect(readEnv({ ...config, TEMPORAL_NAMESPACE: 'other' }).temporal.namespace).toBe('other');
  });
});

describe('kafka', () => {
  it('splits brokers and keeps TLS and SASL for them only', () => {
    const login = {
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD: 'p',
    };
    const set = { ...base, ...login, KAFKA_SSL: 'true' };
    const sasl = { mechanism: 'scram-sha-512', username: 'u', password: 'p' };
    const configured = readEnv({ ...set, KAFKA_BROKERS: 'a:1, b:2' });
    expect(configured.kafka.brokers).toEqual(['a:1', 'b:2']);
    expect(kafkaClientConfig(configured.kafka, ['a:1'])).toEqual({ brokers: ['a:1'], ssl: true, sasl });
    expect(kafkaClientConfig(readEnv(set).kafka, ['127.0.0.1:9'])).toEqual({ brokers: ['127.0.0.1:9'] });
  });

  it('takes certificate files as TLS', () => {
    const env = readEnv({ ...base, KAFKA_BROKERS: 'a:1', KAFKA_SSL_CA: pem });
    expect(kafkaClientConfig(env.kafka, ['a:1']).ssl).toEqual({ ca: ['PEM TEXT'] });
  });
});

describe('refusals', () => {
  const cases: readonly (readonly [variable: string, set: Record<string, string>, allowed: RegExp])[] = [
    ['TEMPORAL_ADDRESS', { TEMPORAL_ADDRESS: 'localhost' }, /host:port/],
    ['TEMPORAL_ADDRESS', { TEMPORAL_ADDRESS: 'http://a:1' }, /host:port/],
    ['TEMPORAL_ADDRESS', { TEMPORAL_ADDRESS: 'a:70000' }, /65535/],
    ['TEMPORAL_TLS', { TEMPORAL_TLS: 'yes' }, /true, false/],
    [
      'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION',
      { TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'true' },
      /false or unset/,
    ],
    ['TEMPORAL_TLS_CLIENT_KEY_PATH', { TEMPORAL_TLS_CLIENT_CERT_PATH: pem }, /both/],
    ['Temporal client configuration', { TEMPORAL_PROFILE: 'nowhere' }, /TEMPORAL_PROFILE/],
    ['KAFKA_BROKERS', { KAFKA_BROKERS: 'a:1,b' }, /host:port/],
    ['KAFKA_BROKERS', { KAFKA_BROKERS: 'a:1,' }, /host:port/],
    ['KAFKA_SSL', { KAFKA_SSL: 'on' }, /true, false/],
    ['KAFKA_SSL', { KAFKA_SSL: 'false', KAFKA_SSL_CA: pem }, /unset/],
    ['KAFKA_SSL_CA', { KAFKA_SSL_CA: '/nowhere/ca.pem' }, /ENOENT/],
    ['KAFKA_SSL_KEY', { KAFKA_SSL_CERT: pem }, /together/],
    ['KAFKA_SASL_MECHANISM', { KAFKA_SASL_MECHANISM: 'gssapi' }, /plain, scram-sha-256, scram-sha-512/],
    ['KAFKA_SASL_MECHANISM', { KAFKA_SASL_USERNAME: 'u' }, /plain/],
    ['KAFKA_SASL_USERNAME', { KAFKA_SASL_MECHANISM: 'plain' }, /user name/],
    ['KAFKA_SASL_PASSWORD', { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u' }, /password/],
    ['TESSERA_TEMPORAL_FROM', { TESSERA_TEMPORAL_FROM: 'web' }, /auto, path, sdk, wheel, maven/],
    ['TESSERA_ENCODERS', { TESSERA_ENCODERS: '0' }, /whole number of threads, at least 1/],
    ['TESSERA_ENCODERS', { TESSERA_ENCODERS: 'all' }, /whole number of threads/],
    ['TESSERA_KAFKA_FROM', { TESSERA_KAFKA_FROM: 'web' }, /auto, maven, jgo, docker/],
  ];

  it.each(cases)('refuses %s as %j and says what is allowed', (variable, set, allowed) => {
    const fault = thrownBy(() => readEnv({ ...base, ...set }));
    expect(fault.kind).toBe('config-invalid');
    expect(fault.where).toBe(variable);
    expect(fault.remedy).toMatch(allowed);
  });
});

describe('secrets', () => {
  const secrets = {
    TEMPORAL_ADDRESS: 'a:1',
    TEMPORAL_API_KEY: 'SECRET-1',
    KAFKA_BROKERS: 'a:1',
    KAFKA_SASL_MECHANISM: 'plain',
    KAFKA_SASL_USERNAME: 'u',
    KAFKA_SASL_PASSWORD: 'SECRET-2',
  };

  it('show neither when the settings are printed nor as JSON', () => {
    const env = readEnv({ ...base, ...secrets });
    expect(inspect(env, { depth: 9, showHidden: true })).not.toContain('SECRET');
    expect(JSON.stringify(env)).not.toContain('SECRET');
    expect(`${env.variables}`).not.toContain('SECRET');
  });

  it('show in no refusal', () => {
    const faults = [
      thrownBy(() => readEnv({ ...base, ...secrets, KAFKA_SASL_MECHANISM: 'nope' })),
      thrownBy(() => readEnv({ ...base, ...secrets, TEMPORAL_TLS: 'nope' })),
      thrownBy(() =>
        readEnv({ ...base, TEMPORAL_CONFIG_FILE: file('bad.toml', '[profile.default]\napi_key = "SECRET') }),
      ),
      thrownBy(() =>
        readEnv({ ...base, TEMPORAL_CONFIG_FILE: file('odd.toml', '[profile.default]\nkey = "SECRET"\n') }),
      ),
    ];
    for (const fault of faults) {
      expect(fault.kind).toBe('config-invalid');
      expect(JSON.stringify(fault)).not.toContain('SECRET');
    }
  });
});

function thrownBy(action: () => unknown) {
  try {
    action();
  } catch (error) {
    return faultOf(error);
  }
  throw new Error('nothing was thrown');
}
