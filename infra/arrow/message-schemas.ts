// The Arrow schemas of code log messages.

import { Field, Schema } from 'apache-arrow';
import { MESSAGE_LAYOUT_VERSION } from '#schemas/columns/code-message.ts';
import type { ColumnType } from '#schemas/columns/column.ts';
import { arrowType } from './arrow-columns.ts';

/** A column of a message; without nulls unless it says so. */
export interface MessageColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable?: boolean;
}

export const MESSAGE_METADATA: ReadonlyMap<string, string> = new Map([
  ['layoutVersion', String(MESSAGE_LAYOUT_VERSION)],
]);

export function messageSchema(columns: readonly MessageColumn[]): Schema {
  const fields = columns.map(
    ({ name, type, nullable }) => new Field(name, arrowType(type), nullable ?? false),
  );
  return new Schema(fields, new Map(MESSAGE_METADATA));
}
