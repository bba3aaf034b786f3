// zod's issues as one config-invalid fault that names the key, the value and what is allowed.

import type { z } from 'zod';

import type { PipelineFault } from '#schemas/errors.ts';
import { allowedBy, configKeys, type JsonSchema, schemaAt } from './config-schema.ts';
import { didYouMean, similarName } from './similar-name.ts';

type Issue = z.core.$ZodIssue;

interface Finding {
  readonly key: string;
  readonly what: string;
  readonly value?: string;
  /** What is allowed there. */
  readonly remedy: string;
  /** `; did you mean X?`, or nothing. */
  readonly hint: string;
}

/**
 * All issues of one config as one fault: the first in full, the others named behind it.
 * @param raw - the config before validation; values are quoted from it.
 */
export function configFault(
  file: string,
  {
    issues,
    raw,
    schema,
  }: { readonly issues: readonly Issue[]; readonly raw: unknown; readonly schema: JsonSchema },
): PipelineFault {
  const findings = issues.flatMap((issue) => findingsOf(issue, { raw, schema }));
  const [first, ...more] = findings;
  if (first === undefined) return { kind: 'config-invalid', what: 'the config is not valid', where: file };
  const rest = more.map(({ key, what, hint }) => `${key}: ${what}${hint.replace('; ', ', ')}`).join('; ');
  const remedy = `${first.remedy}${first.hint || '.'}`;
  return {
    kind: 'config-invalid',
    what: first.what,
    where: `${file}: ${first.key}`,
    ...(first.value === undefined ? {} : { value: first.value }),
    remedy: rest === '' ? remedy : `${remedy} Also wrong: ${rest}`,
  };
}

/** A value as it fits into one line of an error. */
export function quoteValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function findingsOf(
  issue: Issue,
  context: { readonly raw: unknown; readonly schema: JsonSchema },
): Finding[] {
  const path = issue.path;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(key, path, context));
  }
  const inner = innerIssues(issue);
  if (inner !== null) return inner.flatMap((each) => findingsOf(each, context));
  const value = valueAt(context.raw, path);
  const schema = schemaAt(context.schema, path, context.raw);
  const allowed = schema === null ? issue.message : allowedBy(schema);
  const about = schema?.description === undefined ? '' : ` ${schema.description}`;
  if (value === undefined) {
    return [
      {
        key: keyName(path),
        what: 'this key is missing',
        remedy: `Allowed: ${allowed}.${about}`.replace(/[.]$/, ''),
        hint: '',
      },
    ];
  }
  const options = (schema?.enum ?? []).map(String);
  const hint = typeof value === 'string' ? didYouMean(value, options) : '';
  const finding = { key: keyName(path), what: whatIsWrong(issue), value: quoteValue(value) };
  return [{ ...finding, remedy: `Allowed: ${allowed}`, hint }];
}

function whatIsWrong(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_union':
      return 'a value of the wrong type';
    case 'too_big':
      return 'the value is too large';
    case 'too_small':
      return 'the value is too small';
    case 'invalid_format':
    case 'custom':
      return `the value is not allowed: ${issue.message}`;
    default:
      return 'the value is not allowed';
  }
}

/** Of a union of objects: the issues of the member that was most likely meant, the one that knows the keys. */
function innerIssues(issue: Issue): Issue[] | null {
  if (issue.code !== 'invalid_union' || issue.errors.length < 2) return null;
  if (!issue.errors.every((branch) => branch.every(({ path }) => path.length > 0 || isUnknownKey(branch))))
    return null;
  const meant = issue.errors.find((branch) => !isUnknownKey(branch)) ?? issue.errors[0]!;
  return meant.map((each) => ({ ...each, path: [...issue.path, ...each.path] }) as Issue);
}

function isUnknownKey(branch: readonly { readonly code: string }[]): boolean {
  return branch.some(({ code }) => code === 'unrecognized_keys');
}

function unknownKey(
  key: string,
  path: readonly PropertyKey[],
  { schema, raw }: { readonly schema: JsonSchema; readonly raw: unknown },
): Finding {
  const here = Object.keys(schemaAt(schema, path, raw)?.properties ?? {});
  const near = similarName(key, here);
  const elsewhere = near === null ? keyElsewhere(key, schema) : null;
  const meant = near ?? elsewhere;
  const hint = meant === null ? '' : `; did you mean ${meant}?`;
  return {
    key: keyName([...path, key]),
    what: 'unknown key',
    remedy: `Allowed here: ${here.join(', ')}`,
    hint,
  };
}

/** A key that exists in another section of the config, by its exact last name. */
function keyElsewhere(key: string, schema: JsonSchema): string | null {
  const last = (path: string): string => path.slice(path.lastIndexOf('.') + 1);
  return configKeys(schema).find((path) => last(path).toLowerCase() === key.toLowerCase()) ?? null;
}

function keyName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the whole file';
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`;
    return name === '' ? String(part) : `${name}.${String(part)}`;
  }, '');
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, part) => {
    if (typeof value !== 'object' || value === null) return undefined;
    return (value as Record<PropertyKey, unknown>)[part];
  }, raw);
}
