// Which members of a WebDataset sample hold the image and the label.

import type { DatasetConfig } from '#schemas/config.ts';
import { describeFault } from '#schemas/errors.ts';
import type { OpenDataFile } from './data-file.ts';
import { configInvalid, dataInvalid, isBadFile } from './faults.ts';
import { IMAGE_SUFFIXES, readImageSize, shapeOfSize } from './image-decoder.ts';
import type { RawLabel } from './labels.ts';
import type { Skipped } from './skipping.ts';
import type { TarGroup, TarMember } from './tar-members.ts';
import { tarGroups } from './tar-members.ts';

export interface TarSample {
  readonly key: string;
  readonly headerOffset: number;
  /** Tar file and key, for messages. */
  readonly where: string;
  readonly image: TarMember;
  /** Reads the label member; null without labels. */
  label(): Promise<RawLabel>;
}

/** A label file longer than this is no label. */
const MAX_LABEL_BYTES = 1 << 20;

/**
 * Samples of a tar file from a header on. Samples without their image or label throw, or with `onError: skip`
 * go to `onIncomplete`.
 * @throws PipelineError `data-invalid` naming the tar file and sample.
 */
export async function* tarSamples(
  file: OpenDataFile,
  config: DatasetConfig,
  { from, onIncomplete }: { from: number; onIncomplete: (skipped: Skipped) => void },
): AsyncGenerator<TarSample> {
  const wanted = labelMember(config);
  for await (const group of tarGroups(file, { from })) {
    const where = `${file.name}: ${group.key}`;
    try {
      const image = imageOf(group, { where, column: config.column });
      const member = wanted === null ? null : memberOf(group, { where, suffix: wanted.suffix });
      const label = async () =>
        member === null ? null : readLabel(file, member, { where, field: wanted?.field ?? null });
      yield { key: group.key, headerOffset: group.headerOffset, where, image, label };
    } catch (error) {
      if (config.onError === 'fail' || !isBadFile(error)) throw error;
      onIncomplete({ file: where, why: describeFault(error.fault) });
    }
  }
}

/** Shape of a sample when the config names none: that of the first image. */
export async function firstImageShape(
  file: OpenDataFile,
  image: TarMember,
  { transform }: DatasetConfig,
): Promise<number[]> {
  const bytes = new Uint8Array(image.size);
  await file.readAt(image.offset, bytes);
  return shapeOfSize(await readImageSize(bytes, `${file.name}: ${image.name}`), transform);
}

function imageOf(
  { members }: TarGroup,
  { where, column }: { where: string; column: string | undefined },
): TarMember {
  const suffixes = column === undefined ? [...members.keys()].filter(isImageSuffix) : [column.toLowerCase()];
  const [suffix] = suffixes;
  if (suffixes.length > 1) {
    throw dataInvalid(where, 'the sample has several images', {
      value: suffixes.join(', '),
      remedy: 'Name one by dataset.column',
    });
  }
  const member = suffix === undefined ? undefined : members.get(suffix);
  if (member !== undefined) return member;
  throw dataInvalid(where, `the sample has no ${column ?? 'image'} member`, {
    value: [...members.keys()].join(', '),
  });
}

function isImageSuffix(suffix: string): boolean {
  return (IMAGE_SUFFIXES as readonly string[]).includes(`.${suffix}`);
}

function memberOf({ members }: TarGroup, { where, suffix }: { where: string; suffix: string }): TarMember {
  const member = members.get(suffix);
  if (member !== undefined) return member;
  throw dataInvalid(where, `the sample has no ${suffix} member`, { value: [...members.keys()].join(', ') });
}

function labelMember({ labels }: DatasetConfig): { suffix: string; field: string | null } | null {
  if (labels === undefined) return null;
  if (typeof labels !== 'string') {
    throw configInvalid('dataset.labels', 'one member suffix is wanted, such as cls, txt or json', {
      value: labels.join(', '),
    });
  }
  const suffix = labels.replace(/^\./, '');
  if (/^json\./i.test(suffix)) return { suffix: 'json', field: suffix.slice(5) };
  return { suffix: suffix.toLowerCase(), field: suffix.toLowerCase() === 'json' ? 'label' : null };
}

async function readLabel(
  file: OpenDataFile,
  member: TarMember,
  { where, field }: { where: string; field: string | null },
): Promise<RawLabel> {
  if (member.size > MAX_LABEL_BYTES)
    throw dataInvalid(where, 'the label is too long', { value: `${member.size} bytes` });
  const bytes = Buffer.alloc(member.size);
  await file.readAt(member.offset, bytes);
  const text = bytes.toString('utf8').trim();
  if (field === null) return integerOrText(text);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw dataInvalid(`${file.name}: ${member.name}`, 'this is not JSON', {
      value: text.slice(0, 80),
      cause,
    });
  }
  const label = (parsed as Record<string, unknown> | null)?.[field];
  if (typeof label === 'string' || typeof label === 'number' || typeof label === 'boolean') return label;
  throw dataInvalid(`${file.name}: ${member.name}`, `field ${field} holds no label`, {
    value: JSON.stringify(label),
  });
}

function integerOrText(text: string): RawLabel {
  return /^-?\d{1,10}$/.test(text) ? Number(text) : text;
}
