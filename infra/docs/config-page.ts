// docs/config.md: every key of the config, from the schemas that parse it.

import {
  allowedBy,
  EXPERIMENTS,
  IMAGE_EXPERIMENTS,
  imagesForm,
  type JsonSchema,
  lensForm,
  metflowForm,
  sweepForm,
} from '../config/config-schema.ts';
import { GENERATED, markdownTable } from './markdown.ts';

interface KeyLine {
  readonly path: string;
  readonly allowed: string;
  readonly standard: string;
  readonly description: string;
}

/** The page as Markdown. Of experiments only the keys that are not those of all. */
export function configPage(): string {
  const lens = EXPERIMENTS.map((name) => ({ name, lines: keyLines(lensForm(name).schema) }));
  const common = lens[0]!.lines.filter(({ path }) =>
    lens.every(({ name, lines }) => name === 'compare' || lines.some((line) => line.path === path)),
  );
  const isOwn = ({ path }: KeyLine) => path !== 'experiment' && !common.some((line) => line.path === path);
  return `${[
    '# Config',
    '',
    GENERATED,
    '',
    'A run is a YAML or JSON file. Unknown keys are errors, paths are relative to the file, `--set a.b=c` changes one key for one run. A key with no',
    'default that is not required may be left out. `tessera schema config` prints the JSON Schema for editors.',
    ...section('`kind: sweep`', keyLines(sweepForm().schema)),
    ...section('`kind: lens`', common),
    ...lens.flatMap(({ name, lines }) => section(`\`experiment: ${name}\``, lines.filter(isOwn), '###')),
    ...section('`kind: metflow`', keyLines(metflowForm().schema)),
    ...IMAGE_EXPERIMENTS.flatMap((name) =>
      section(`\`kind: metflow\`, \`experiment: ${name}\``, keyLines(imagesForm(name).schema)),
    ),
  ].join('\n')}\n`;
}

function section(title: string, lines: readonly KeyLine[], level = '##'): readonly string[] {
  const cells = lines.map(({ path, allowed, standard, description }) => [
    `\`${path}\``,
    allowed,
    standard,
    description,
  ]);
  return ['', `${level} ${title}`, '', ...markdownTable(['key', 'allowed', 'default', 'meaning'], cells)];
}

/** Keys with their dotted paths; lists of sections go on as `kernels[].type`, alternatives one after the other. */
function keyLines(schema: JsonSchema, prefix = ''): readonly KeyLine[] {
  const found = membersOf(schema).flatMap(({ properties = {}, required = [] }) =>
    Object.entries(properties).flatMap(([key, child]) => {
      const path = `${prefix}${key}`;
      const nested = nestedOf(child);
      return [
        lineOf(path, child, { isSection: nested !== null, isRequired: required.includes(key) }),
        ...(nested === null ? [] : keyLines(nested.schema, path + nested.joint)),
      ];
    }),
  );
  return merged(found);
}

/** The sections below a key, and what joins their keys to it. */
function nestedOf(schema: JsonSchema): { readonly schema: JsonSchema; readonly joint: string } | null {
  if (membersOf(schema).some(({ properties }) => properties !== undefined)) return { schema, joint: '.' };
  const list = [schema, ...(schema.anyOf ?? [])].find(
    ({ items }) => items !== undefined && membersOf(items).length > 0,
  );
  return list === undefined ? null : { schema: list.items!, joint: '[].' };
}

function membersOf(schema: JsonSchema): readonly JsonSchema[] {
  if (schema.properties !== undefined) return [schema];
  return [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap(membersOf);
}

function lineOf(
  path: string,
  schema: JsonSchema,
  { isSection, isRequired }: { readonly isSection: boolean; readonly isRequired: boolean },
): KeyLine {
  const standard = schema.default === undefined || isSection ? '' : `\`${JSON.stringify(schema.default)}\``;
  const allowed = isSection ? 'section' : allowedBy(schema);
  return {
    path,
    allowed,
    standard: isRequired ? 'required' : standard,
    description: schema.description ?? '',
  };
}

/** One line per path: what alternatives say is joined, each once. */
function merged(lines: readonly KeyLine[]): readonly KeyLine[] {
  const paths = [...new Set(lines.map(({ path }) => path))];
  return paths.map((path) => {
    const of = lines.filter((line) => line.path === path);
    const once = (texts: readonly string[], joint: string) =>
      [...new Set(texts.filter((text) => text !== ''))].join(joint);
    return {
      path,
      allowed: once(
        of.map(({ allowed }) => allowed),
        ' or ',
      ),
      standard: once(
        of.map(({ standard }) => standard),
        ' or ',
      ),
      description: once(
        of.map(({ description }) => description),
        ' / ',
      ),
    };
  });
}
