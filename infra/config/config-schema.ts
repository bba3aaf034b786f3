// The JSON Schema of each kind of config, for editors and for telling people what a key may hold.

import { z } from 'zod';

import { sweepConfig } from '#schemas/config.ts';
import { type ExperimentName, lensConfig } from '#schemas/lens-config.ts';
import type { RunConfig } from '#schemas/messages.ts';
import { metflowConfig } from '#schemas/metflow-config.ts';
import { inpaintingConfig, vaeConfig } from '#schemas/metflow-images.ts';

/** The parts of JSON Schema that `z.toJSONSchema` emits for our config. */
export interface JsonSchema {
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  /** Of objects that a constant key tells apart. */
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  /** What the values of an object with any keys are. */
  readonly additionalProperties?: JsonSchema | boolean;
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

export function metflowForm(): ConfigForm {
  return { parser: metflowConfig, schema: jsonSchemaOf(metflowConfig, 'Tessera MetFlow config') };
}

/** Experiments of `kind: metflow`; without one it is chains of a target. */
export const IMAGE_EXPERIMENTS = ['vae', 'inpainting'] as const;

export function imagesForm(experiment: (typeof IMAGE_EXPERIMENTS)[number]): ConfigForm {
  const parser = experiment === 'vae' ? vaeConfig : inpaintingConfig;
  return { parser, schema: jsonSchemaOf(parser, `Tessera MetFlow config, experiment ${experiment}`) };
}

/** Every config in one schema, for editors. */
export function configSchema(): JsonSchema {
  const forms = [
    sweepForm(),
    ...EXPERIMENTS.map(lensForm),
    metflowForm(),
    ...IMAGE_EXPERIMENTS.map(imagesForm),
  ];
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

/**
 * The schema at a path of an issue; list indices step into items. Null outside the schema.
 * @param raw - the value that the schema is for: it decides between objects that a constant key tells apart.
 */
export function schemaAt(
  schema: JsonSchema,
  path: readonly PropertyKey[],
  raw: unknown = undefined,
): JsonSchema | null {
  const here = chosenMember(schema, raw);
  const [head, ...rest] = path;
  if (head === undefined) return here;
  const value = (raw as Record<PropertyKey, unknown> | null | undefined)?.[head];
  if (typeof head === 'number') {
    const list = here.anyOf?.find((option) => option.type === 'array') ?? here;
    const item = list.prefixItems?.[head] ?? list.items;
    return item === undefined ? null : schemaAt(item, rest, value);
  }
  const child = here.properties?.[String(head)];
  return child === undefined ? null : schemaAt(child, rest, value);
}

/** The object that a value names by its constant keys; else one with the keys of all, if there are several. */
function chosenMember(schema: JsonSchema, raw: unknown): JsonSchema {
  const members = objectMembers(schema);
  if (members.length === 0) return schema;
  const given = raw as Record<string, unknown> | null | undefined;
  const named = members.find(({ properties = {} }) => {
    const constants = Object.entries(properties).filter(([, child]) => child.const !== undefined);
    return constants.length > 0 && constants.every(([key, child]) => given?.[key] === child.const);
  });
  if (named !== undefined) return named;
  const properties: Record<string, JsonSchema> = {};
  for (const [key, child] of members.flatMap((member) => Object.entries(member.properties ?? {}))) {
    const before = properties[key];
    const both = [...(before?.enum ?? [before?.const ?? []].flat()), child.const];
    properties[key] = before === undefined || child.const === undefined ? child : { enum: both };
  }
  return { type: 'object', properties };
}

function objectMembers({ anyOf = [], oneOf = [] }: JsonSchema): readonly JsonSchema[] {
  return [...anyOf, ...oneOf].flatMap((member) =>
    member.type === 'object' ? [member] : objectMembers(member),
  );
}

/** What a schema allows, in words: `one of none, random_init`, `a whole number from 0 to 256`, ... */
export function allowedBy(schema: JsonSchema): string {
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return [...new Set(options.map(allowedBy))].join(' or ');
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  const { type } = schema;
  if (typeof type === 'object') return type.map((one) => allowedBy({ ...schema, type: one })).join(' or ');
  switch (type) {
    case 'null':
      return 'null';
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
      if (schema.properties === undefined) return anyKeys(schema.additionalProperties);
      return `a section with the keys ${Object.keys(schema.properties ?? {}).join(', ')}`;
    default:
      return 'any value';
  }
}

function anyKeys(values: JsonSchema['additionalProperties']): string {
  const each = typeof values === 'object' ? allowedBy(values) : 'any value';
  return each === 'any value' ? 'a section with any keys' : `a section with any keys, each ${each}`;
}

function rangeOf({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (exclusiveMinimum !== undefined && !bounded) return ` above ${exclusiveMinimum}`;
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : exclusiveMinimum;
  if (low !== undefined && bounded) return ` from ${low} to ${maximum}`;
  if (low !== undefined) return ` of at least ${low}`;
  return bounded ? ` of at most ${maximum}` : '';
}
