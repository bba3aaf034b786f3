// The Arrow schemas of code log messages, and what a plan says about them.

import { Field, Schema } from 'apache-arrow';
import { MESSAGE_LAYOUT_VERSION, POINT_COLUMNS } from '#schemas/columns/code-message.ts';
import type { ColumnType } from '#schemas/columns/column.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { isText } from '../sweep-geometry.ts';
import { arrowType } from './arrow-columns.ts';

/** A column of a message; without nulls unless it says so. */
export interface MessageColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable?: boolean;
  /** For people; not in the message. */
  readonly unit?: string;
}

/** @param version - layout of the message. @default the present one */
export function messageSchema(columns: readonly MessageColumn[], version = MESSAGE_LAYOUT_VERSION): Schema {
  const fields = columns.map(
    ({ name, type, nullable }) => new Field(name, arrowType(type), nullable ?? false),
  );
  return new Schema(fields, new Map([['layoutVersion', String(version)]]));
}

/** A kept code column of the points table. */
export interface KeptColumn {
  readonly name: string;
  readonly type: 'fixed[16]' | 'binary';
}

/** The code columns that `codes.keep` asks for, in span order. */
export function keptColumns({ config, spans }: Pick<SweepPlan, 'config' | 'spans'>): KeptColumn[] {
  const { keep } = config.codes;
  if (keep === 'none') return [];
  return spans.map(({ name, digestOnly }) =>
    keep === 'words' && !digestOnly
      ? { name: `words_${name}`, type: 'binary' }
      : { name: `digest_${name}`, type: 'fixed[16]' },
  );
}

/** Every column of a `points` message of layout 1. */
export function allPointColumns(plan: Pick<SweepPlan, 'config' | 'spans'>): MessageColumn[] {
  return [...POINT_COLUMNS, ...keptColumns(plan).map((column) => ({ ...column, nullable: true }))];
}

const OF_POSITIONS = ['position_y', 'position_x'];
const OF_TOKENS = ['token_index', 'token_id', 'context'];

/** Columns of a run's `points` messages: those that are null in all its rows are left out. */
export function pointMessageColumns(plan: Pick<SweepPlan, 'config' | 'spans'>): MessageColumn[] {
  const { codes } = plan.config;
  const text = isText(plan.config);
  const absent = new Set([
    ...(text ? ['norm_start'] : OF_TOKENS),
    ...(text || codes.granularity === 'image' ? OF_POSITIONS : []),
    ...(codes.countAmbiguous ? [] : ['n_ambiguous']),
  ]);
  return allPointColumns(plan).filter(({ name }) => !absent.has(name));
}
