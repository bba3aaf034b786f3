// The JSON Schema of each kind of config, for editors and for telling people what a key may hold.

import { z } from 'zod';

import { sweepConfig } from '#schemas/config.ts';
import { type ExperimentName, lensConfig } from '#schemas/lens-config.ts';
import type { RunConfig } from '#schemas/messages.ts';

/** The parts of JSON Schema that `z.toJSONSchema` emits for our config. */
export interface JsonSchema {
  readonly title?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly description?: string;
  readonly default?: unknown;
}

/** A kind of config: what parses it, and the same as JSON Schema (draft 2020-12) of what a user may write. */
export interface ConfigForm {
  readonly parser: z.ZodType<RunConfig>;
  readonly schema: JsonSchema;
}

export function sweepForm(): ConfigForm {
  return { parser: sweepConfig, schema: jsonSchemaOf(sweepConfig, 'Tessera sweep config') };
}

/** The members of the lens config, one per experiment. */
export const EXPERIMENTS = lensConfig.options.map(({ shape }) => shape.experiment.value) as ExperimentName[];

export function lensForm(experiment: ExperimentName): ConfigForm {
  const member = lensConfig.options.find(({ shape }) => shape.experiment.value === experiment)!;
  return {
    parser: lensConfig,
    schema: jsonSchemaOf(member, `Tessera lens config, experiment ${experiment}`),
  };
}

/** Every config in one schema, for editors. */
export function configSchema(): JsonSchema {
  const forms = [sweepForm(), ...EXPERIMENTS.map(lensForm)];
  return { title: 'Tessera config', anyOf: forms.map(({ schema }) => schema) };
}

function jsonSchemaOf(parser: z.ZodType, title: string): JsonSchema {
  return { ...z.toJSONSchema(parser, { io: 'input' }), title } as JsonSchema;
}

/** Every key of the config with its dotted path: `model.control`, `dataset.transform.scale`, ... */
export function configKeys(schema: JsonSchema, prefix = ''): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) => [
    `${prefix}${key}`,
    ...configKeys(child, `${prefix}${key}.`),
  ]);
}

/** The schema at a path of an issue; list indices step into items. Null outside the schema. */
export function schemaAt(schema: JsonSchema, path: readonly PropertyKey[]): JsonSchema | null {
  const [head, ...rest] = path;
  if (head === undefined) return schema;
  if (typeof head === 'number') {
    const list = schema.anyOf?.find((option) => option.type === 'array') ?? schema;
    const item = list.prefixItems?.[head] ?? list.items;
    return item === undefined ? null : schemaAt(item, rest);
  }
  const child = schema.properties?.[String(head)];
  return child === undefined ? null : schemaAt(child, rest);
}

/** What a schema allows, in words: `one of none, random_init`, `a whole number from 0 to 256`, ... */
export function allowedBy(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(allowedBy).join(' or ');
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  switch (schema.type) {
    case 'integer':
      return `a whole number${rangeOf(schema)}`;
    case 'number':
      return `a number${rangeOf(schema)}`;
    case 'string':
      return schema.pattern === undefined ? 'text' : `text matching ${schema.pattern}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return schema.prefixItems === undefined
        ? `a list, each ${allowedBy(schema.items ?? {})}`
        : `a list [${schema.prefixItems.map(allowedBy).join(', ')}]`;
    case 'object':
      return `a section with the keys ${Object.keys(schema.properties ?? {}).join(', ')}`;
    default:
      return 'any value';
  }
}

function rangeOf({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (exclusiveMinimum !== undefined && !bounded) return ` above ${exclusiveMinimum}`;
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : exclusiveMinimum;
  if (low !== undefined && bounded) return ` from ${low} to ${maximum}`;
  if (low !== undefined) return ` of at least ${low}`;
  return bounded ? ` of at most ${maximum}` : '';
}
