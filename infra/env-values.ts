// Values of environment variables: checked, or a config-invalid fault that names the variable and what is allowed.

import { PipelineError } from '#schemas/errors.ts';
import type { Variables } from './local/temporal-profile.ts';

export function textOf(variables: Variables, name: string): string | null {
  const value = variables[name]?.trim();
  return value === undefined || value === '' ? null : value;
}

export function invalid(name: string, value: string | null, allowed: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: 'the environment variable has a value that is not allowed',
    where: name,
    ...(value === null ? {} : { value: JSON.stringify(value.slice(0, 200)) }),
    remedy: `Allowed: ${allowed}.`,
  });
}

export function oneOf<T extends string>(variables: Variables, name: string, allowed: readonly T[]): T | null {
  const value = textOf(variables, name);
  if (value === null) return null;
  const found = allowed.find((one) => one === value.toLowerCase());
  if (found === undefined) throw invalid(name, value, allowed.join(', '));
  return found;
}

export function checkHostPort(name: string, value: string): void {
  const match = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))$/.exec(value);
  const port = Number(match?.[1]);
  if (match === null || port < 1 || port > 65535)
    throw invalid(name, value, 'host:port with a port from 1 to 65535');
}

/** A whole number, or null. @param of - what it counts, for the error. */
export function wholeNumber(
  variables: Variables,
  name: string,
  { least, of }: { readonly least: number; readonly of: string },
): number | null {
  const value = textOf(variables, name);
  if (value === null) return null;
  if (!/^\d{1,9}$/.test(value) || Number(value) < least)
    throw invalid(name, value, `a whole number of ${of}, at least ${least}`);
  return Number(value);
}

/** A whole number of mebibytes as bytes, or null. */
export function mebibytes(variables: Variables, name: string, { least }: { least: number }): number | null {
  const found = wholeNumber(variables, name, { least, of: 'mebibytes' });
  return found === null ? null : found * 2 ** 20;
}
