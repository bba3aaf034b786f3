// Points of a few classes, drawn at random: images, or the tokens of sequences.

import { PipelineError } from '#schemas/errors.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import type { Samples } from './experiment.ts';

/** Points by class. A point's number is `sample * stride + token`; images have one token. */
export interface ClassPoints {
  /** Points of one sample: 1 for images, tokens of a sequence for text. */
  readonly stride: number;
  /** Classes ascending, each with its points in random order. */
  readonly classes: readonly { readonly label: number; readonly points: Int32Array }[];
}

export interface DrawOptions {
  readonly text: boolean;
  /** Most classes; drawn where there are more. */
  readonly classes: number;
  /** Most points of a class. */
  readonly perClass: number;
  readonly seed: number;
}

/** Random streams of the draws. */
const CLASSES = 1;
const MEMBERS = 2;
const SEQUENCES = 3;
/** Sequences that are looked through for tokens of every class. */
const TEXT_SEQUENCES = 1000;

/**
 * Draws classes, and points of each. The first token of a sequence is left out: it has no context.
 * @throws PipelineError `data-invalid` without labels, with fewer than two classes, or for a class with one point.
 */
export async function drawClassPoints(samples: Samples | null, options: DrawOptions): Promise<ClassPoints> {
  const { classes, perClass, seed } = options;
  if (samples === null) throw unlabelled();
  const members = options.text ? await tokensByClass(samples, seed) : await imagesByClass(samples);
  const labels = Int32Array.from(members.keys()).sort();
  if (labels.length < 2) throw tooFewClasses(labels.length);
  const drawn = shuffle(labels.slice(), randomStream(seed, CLASSES)).slice(0, classes).sort();
  return {
    stride: options.text ? samples.shape[0]! : 1,
    classes: Array.from(drawn, (label) => {
      const own = Int32Array.from(members.get(label)!);
      if (own.length === 1) throw lonePoint(samples, label, own[0]!);
      return { label, points: shuffle(own, randomStream(seed, MEMBERS, label)).slice(0, perClass) };
    }),
  };
}

async function imagesByClass(samples: Samples): Promise<Map<number, number[]>> {
  const labels = await samples.labels();
  if (labels === null) throw unlabelled();
  const members = new Map<number, number[]>();
  labels.forEach((label, image) => {
    addMember(members, label, image);
  });
  return members;
}

async function tokensByClass(samples: Samples, seed: number): Promise<Map<number, number[]>> {
  const stride = samples.shape[0]!;
  const all = Int32Array.from({ length: samples.count }, (_, i) => i);
  const some = shuffle(all, randomStream(seed, SEQUENCES)).slice(0, TEXT_SEQUENCES).sort();
  const { labels, tokens } = await samples.read(some);
  if (labels === null || tokens === null) throw unlabelled();
  const members = new Map<number, number[]>();
  let at = 0;
  some.forEach((sample, i) => {
    for (let token = 0; token < tokens.lengths[i]!; token++, at++)
      if (token > 0) addMember(members, labels[at]!, sample * stride + token);
  });
  return members;
}

function addMember(members: Map<number, number[]>, label: number, point: number): void {
  if (label < 0) return;
  const own = members.get(label);
  if (own === undefined) members.set(label, [point]);
  else own.push(point);
}

function unlabelled(): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: 'boundaries between classes need a data set with labels',
    where: 'dataset.labels',
    remedy: 'Name the labels, or use experiment: paths, which needs none.',
  });
}

function tooFewClasses(classes: number): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: 'pairs between classes need at least two classes',
    where: 'dataset',
    value: `${classes}`,
    remedy: 'Use a labelled data set with several classes in its range of rows.',
  });
}

function lonePoint({ labelNames }: Samples, label: number, point: number): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: 'a class with one point has no pair',
    where: `class ${labelNames?.[label] ?? label}, point ${point}`,
    remedy: 'Give every class at least two points, or leave the class out.',
  });
}
