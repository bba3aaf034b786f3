// `--set a.b=c`: one key of the config changed on the command line.

import { parse } from 'yaml';

import { PipelineError } from '#schemas/errors.ts';

/**
 * Applies `a.b=c` options, in order, to a copy of the raw config. Values are YAML, so `true`, `3` and `[0,
 * 100]` have types.
 * @throws PipelineError `command-invalid` without `=` or with an empty key; `config-invalid` where a key
 *   leads through a value.
 */
export function applySets(raw: unknown, sets: readonly string[]): unknown {
  return sets.reduce((config, option) => {
    const { path, value } = parseSet(option);
    return withValue(config, path, { value, option });
  }, raw);
}

/** `a.b=c` as a path and a typed value. */
export function parseSet(option: string): { readonly path: readonly string[]; readonly value: unknown } {
  const equals = option.indexOf('=');
  const path = option.slice(0, Math.max(equals, 0)).split('.');
  if (equals <= 0 || path.some((part) => part.trim() === '' || part === '__proto__')) {
    throw new PipelineError({
      kind: 'command-invalid',
      what: 'this is not of the form key=value',
      where: '--set',
      value: option,
      remedy: 'Write for example --set model.control=random_init.',
    });
  }
  return { path: path.map((part) => part.trim()), value: parseValue(option.slice(equals + 1), option) };
}

function parseValue(text: string, option: string): unknown {
  try {
    return parse(text) as unknown;
  } catch (error) {
    throw new PipelineError(
      {
        kind: 'command-invalid',
        what: `the value is not YAML: ${(error as Error).message.split('\n')[0]}`,
        where: '--set',
        value: option,
        remedy: 'Quote text that holds : or # or brackets, for example --set \'model.file="a: b.onnx"\'.',
      },
      { cause: error },
    );
  }
}

interface Assignment {
  readonly value: unknown;
  readonly option: string;
}

function withValue(config: unknown, path: readonly string[], assignment: Assignment): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return assignment.value;
  if (Array.isArray(config) && /^\d+$/.test(head)) {
    const list: unknown[] = [...config];
    list[Number(head)] = withValue(list[Number(head)], rest, assignment);
    return list;
  }
  if (config !== undefined && config !== null && (typeof config !== 'object' || Array.isArray(config))) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: `the key ${head} lies inside a value that is not a section`,
      where: '--set',
      value: assignment.option,
      remedy: 'Name keys as in the file, from the outside in, with dots between them.',
    });
  }
  const section = { ...(config as Record<string, unknown> | null | undefined) };
  return { ...section, [head]: withValue(section[head], rest, assignment) };
}
