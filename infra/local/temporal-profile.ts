// Temporal's own client configuration (variables, TOML file, profiles), with the mistakes it ignores made
// errors.

import type { ConnectionOptions } from '@temporalio/client';
import { type ClientConfigProfile, loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
import { PipelineError } from '#schemas/errors.ts';
import { sealed, type Sealed } from './sealed.ts';

/** Environment variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What the Temporal client and the worker's native connection have in common. */
export type TemporalConnection = Pick<ConnectionOptions, 'tls' | 'metadata'> & {
  readonly address: string;
  apiKey?: string;
};

export interface TemporalProfile {
  readonly address: string | null;
  readonly namespace: string;
  readonly connection: Sealed<Omit<TemporalConnection, 'address'>>;
}

/**
 * Resolves TEMPORAL_* variables and the profile they select.
 * @throws PipelineError `config-invalid`; messages name variables and files, never key material.
 */
export function readTemporalProfile(variables: Variables): TemporalProfile {
  checkFlags(variables);
  const profile = loadProfile(variables);
  checkPairs(profile);
  const { tls, apiKey, metadata } = connectOptions(profile);
  return {
    address: profile.address?.trim() || null,
    namespace: profile.namespace?.trim() || 'default',
    connection: sealed({
      ...(tls !== undefined && { tls }),
      ...(apiKey !== undefined && { apiKey }),
      ...(metadata !== undefined && Object.keys(metadata).length > 0 && { metadata }),
    }),
  };
}

function loadProfile(variables: Variables): ClientConfigProfile {
  const overrideEnvVars = Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => (entry[1] ?? '') !== ''),
  );
  try {
    return loadClientConfigProfile({ overrideEnvVars, configFileStrict: true });
  } catch (error) {
    throw invalid(
      error,
      "Check TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE and that file's [profile.NAME] tables.",
    );
  }
}

function connectOptions(profile: ClientConfigProfile) {
  try {
    return toClientOptions(profile).connectionOptions;
  } catch (error) {
    throw invalid(error, 'Check the TEMPORAL_TLS_* paths, or the tls table of the profile.');
  }
}

/** envconfig takes an unknown flag as unset, which would mean plain text where TLS was asked for. */
function checkFlags(variables: Variables): void {
  for (const name of ['TEMPORAL_TLS', 'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION']) {
    const value = variables[name]?.trim().toLowerCase() ?? '';
    if (!['', 'true', 'false', '1', '0'].includes(value)) throw notAllowed(name, value, 'true, false, 1, 0');
  }
  const unverified = variables.TEMPORAL_TLS_DISABLE_HOST_VERIFICATION?.trim().toLowerCase() ?? '';
  if (unverified === 'true' || unverified === '1') {
    const remedy =
      'false or unset, as the TypeScript SDK always verifies; TEMPORAL_TLS_SERVER_NAME overrides the name';
    throw notAllowed('TEMPORAL_TLS_DISABLE_HOST_VERIFICATION', unverified, remedy);
  }
}

/**
 * envconfig drops a certificate without its key in silence; the server would then refuse without saying why.
 */
function checkPairs(profile: ClientConfigProfile): void {
  const cert = profile.tls?.clientCert !== undefined;
  if (cert === (profile.tls?.clientKey !== undefined)) return;
  const [have, lack] = cert ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
  throw new PipelineError({
    kind: 'config-invalid',
    what: `a TLS client ${have === 'CERT' ? 'certificate' : 'key'} is set without its other half`,
    where: `TEMPORAL_TLS_CLIENT_${lack}_PATH`,
    remedy: 'Set both TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH (or _DATA), or neither.',
  });
}

function notAllowed(name: string, value: string, allowed: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: 'the environment variable has a value that is not allowed',
    where: name,
    value: JSON.stringify(value.slice(0, 200)),
    remedy: `Allowed: ${allowed}.`,
  });
}

/** First line only: a TOML parser's message goes on to quote the file, where an API key may stand. */
function invalid(error: unknown, remedy: string): PipelineError {
  const reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
  return new PipelineError({
    kind: 'config-invalid',
    what: reason,
    where: 'Temporal client configuration',
    remedy,
  });
}
