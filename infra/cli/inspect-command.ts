// `tessera inspect MODEL`: what a sweep of this model would record.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { PipelineError } from '#schemas/errors.ts';
import type { TapInfo } from '#schemas/sweep.ts';
import type { ModelInfo } from '../../activities/ports.ts';
import { didYouMean } from '../config/similar-name.ts';
import { modelLoader } from '../models/registry.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { geometryLines } from './inspect-geometry.ts';
import { formatBytes, formatCount, formatTable } from './format.ts';

export interface InspectOptions extends GlobalOptions {
  readonly granularity: string;
}

/**
 * Opens a model and shows its taps.
 * @throws PipelineError `model-missing`, `model-invalid` or `model-no-taps`.
 */
export async function inspectCommand(
  file: string,
  options: InspectOptions,
  { terminal }: CommandContext,
): Promise<ExitCode> {
  const granularity = parseGranularity(options.granularity);
  if (!existsSync(file)) {
    const remedy = 'Give the path of an .onnx file or of the model.json of a TensorFlow.js model.';
    throw new PipelineError({ kind: 'model-missing', what: 'no such file', where: file, remedy });
  }
  const loader = await modelLoader(resolve(file));
  const info = await loader.inspect({ file: resolve(file), taps: 'auto' }, { granularity });
  if (options.json === true) {
    terminal.answer(
      JSON.stringify({ file: resolve(file), granularity, ...info, taps: info.taps.map(withBytes) }),
    );
  } else for (const line of inspectLines(file, info, granularity)) terminal.answer(line);
  return 0;
}

/** The taps as a table, then what is exact and what is not. */
export function inspectLines(
  file: string,
  info: ModelInfo,
  granularity: 'image' | 'position',
): readonly string[] {
  const { runtime, sha256, input, output, taps } = info;
  const bits = taps.reduce((sum, { codeBits }) => sum + codeBits, 0);
  const bytes = taps.reduce((sum, tap) => sum + rowBytes(tap), 0);
  const columns = [
    { title: 'tap' },
    { title: 'kind' },
    { title: 'activation' },
    { title: 'width', align: 'right' },
    { title: 'bits/row', align: 'right' },
    { title: 'bytes/row', align: 'right' },
    { title: 'code' },
  ] as const;
  const total = ['network', '', '', '', sizeText(bits), sizeText(bytes), ''];
  return [
    `${file}  ${runtime}  sha256 ${sha256.slice(0, 16)}…`,
    `input   ${input.name} ${input.type} ${shapeText(input.dims)}`,
    ...(output === null ? [] : [`output  ${output.name} ${shapeText(output.dims)}`]),
    '',
    ...formatTable(columns, [...taps.map(tapCells), ...(granularity === 'image' ? [total] : [])]),
    '',
    exactnessLine(info),
    `operators: ${counted(info.operators)}`,
    ...(info.geometry === undefined ? [] : geometryLines(info.geometry, taps.length)),
    ...(bits === 0
      ? ['?: known only once data gives the input its shape.']
      : [`${formatBytes(bytes)} of code per row`]),
  ];
}

function exactnessLine({ taps, inexact, operators: all, geometry }: ModelInfo): string {
  const soft = taps.filter(({ exact }) => !exact).length;
  // A softmax behind the logits bends nothing that codes see; a product of two live tensors does.
  const curved = geometry?.operators.filter(({ kind }) => kind === 'not piecewise linear') ?? inexact;
  const unknown = geometry?.operators.filter(({ kind }) => kind === 'not supported') ?? [];
  if (soft === 0 && curved.length === 0) {
    if (unknown.length > 0)
      return `exact where these operators are piecewise linear, which is not known: ${counted(unknown)}`;
    // Which input of a pooling window wins is a bend too, and the codes do not record it.
    return all.some(({ op }) => /max_?pool/i.test(op))
      ? 'exact but for max-pooling: piecewise linear; equal codes may hold several linear maps, one per choice of maxima'
      : 'exact: the network is piecewise linear, so equal codes mean one linear map';
  }
  const because = curved.length === 0 ? '' : ` (not piecewise linear: ${counted(curved)})`;
  return `not exact${because}: ${soft} of ${taps.length} taps have codes that name level sets, not polytopes`;
}

function counted(operators: readonly { readonly op: string; readonly count: number }[]): string {
  return operators.map(({ op, count }) => `${op} ${count}`).join(', ');
}

function tapCells(tap: TapInfo): readonly string[] {
  const { name, kind, activation, channels, height, width, codeBits, exact } = tap;
  const known = height * width === 1 ? String(channels) : `${channels}x${height}x${width}`;
  const size = codeBits === 0 ? '?' : known;
  return [
    name,
    kind,
    activation,
    size,
    sizeText(codeBits),
    sizeText(rowBytes(tap)),
    exact ? 'exact' : 'soft',
  ];
}

function withBytes(tap: TapInfo): TapInfo & { readonly rowBytes: number } {
  return { ...tap, rowBytes: rowBytes(tap) };
}

/** Codes are padded to whole 32-bit words. */
function rowBytes({ codeBits }: TapInfo): number {
  return 4 * Math.ceil(codeBits / 32);
}

function sizeText(size: number): string {
  return size === 0 ? '?' : formatCount(size);
}

function shapeText(dims: readonly (number | null)[]): string {
  return `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
}

function parseGranularity(text: string): 'image' | 'position' {
  if (text === 'image' || text === 'position') return text;
  const allowed = ['image', 'position'];
  const remedy = `Allowed: image, position${didYouMean(text, allowed) || '.'}`;
  throw new PipelineError({
    kind: 'command-invalid',
    what: 'the value is not allowed',
    where: '--granularity',
    value: text,
    remedy,
  });
}
