// docs/events.md: every event of `tessera run --json`, from the schema that tests hold them to.

import { z } from 'zod';

import { EVENTS_VERSION, runEvent } from '#schemas/run-events.ts';
import { allowedBy, type JsonSchema } from '../config/config-schema.ts';
import { GENERATED, markdownTable } from './markdown.ts';

const EXAMPLE = `{"event":"started","version":1,"time":"2026-11-26T01:00:00.000Z","run":"mnist-mlp","how":"started","kind":"sweep","output":"/data/runs/mnist-mlp","page":null}
{"event":"stage","version":1,"time":"2026-11-26T01:00:00.010Z","run":"mnist-mlp","stage":"encoding","paused":false}
{"event":"progress","version":1,"time":"2026-11-26T01:00:02.031Z","run":"mnist-mlp","stage":"encoding","unit":"rows","done":35000,"total":70000,"percent":50,"perSecond":17400,"secondsLeft":2.011,"tasks":{"total":18,"done":8,"underWay":2},"restarts":0,"elbo":null,"rHat":null,"essBulk":null}
{"event":"finished","version":1,"time":"2026-11-26T01:00:05.120Z","run":"mnist-mlp","status":"done","output":"/data/runs/mnist-mlp","rows":{"points":70000},"seconds":5.1,"restarts":0,"exitCode":0}`;

/** The schema of one event as JSON Schema (draft 2020-12), for programs. */
export function eventsSchema(): JsonSchema {
  return {
    ...z.toJSONSchema(runEvent),
    title: `Tessera run events, version ${EVENTS_VERSION}`,
  } as JsonSchema;
}

/** The page as Markdown. */
export function eventsPage(): string {
  return `${[
    '# Events of a run',
    '',
    GENERATED,
    '',
    `\`tessera run FILE --json\` (and \`extend\`) writes one JSON object a line to stdout, each an event, and nothing else; what people read goes to`,
    'stderr. The last line is `finished` or `error`. Names are stable: `version` grows when a key or an event changes its meaning or goes away;',
    'new ones may come, so pass over what you do not know. `tessera schema events` prints the JSON Schema.',
    '',
    '```json',
    EXAMPLE,
    '```',
    '',
    `Every event has \`event\`, \`version\` (${EVENTS_VERSION}) and \`time\` (UTC).`,
    ...(eventsSchema().oneOf ?? []).flatMap(eventLines),
  ].join('\n')}\n`;
}

const COMMON = new Set(['event', 'version', 'time']);

function eventLines({ properties = {}, required = [], description = '' }: JsonSchema): readonly string[] {
  const rows = Object.entries(properties)
    .filter(([key]) => !COMMON.has(key))
    .flatMap(([key, schema]) => keyRows(key, schema, required.includes(key)));
  const title = `## \`${String(properties.event?.const)}\``;
  const text = `${description.charAt(0).toUpperCase()}${description.slice(1)}.`;
  return ['', title, '', text, '', ...markdownTable(['key', 'holds', 'meaning'], rows)];
}

/** A key, and the keys of the object that it holds. */
function keyRows(key: string, schema: JsonSchema, always: boolean): readonly (readonly string[])[] {
  const inner = [schema, ...(schema.anyOf ?? [])].find(({ properties }) => properties !== undefined);
  const nullable = (schema.anyOf ?? []).some(({ type }) => type === 'null') ? ' or null' : '';
  const holds = inner === undefined ? allowedBy(schema) : `object${nullable}`;
  const below = Object.entries(inner?.properties ?? {}).flatMap(([name, child]) =>
    keyRows(`${key}.${name}`, child, inner?.required?.includes(name) ?? false),
  );
  return [[`\`${key}\`${always ? '' : ' (may be absent)'}`, holds, schema.description ?? ''], ...below];
}
