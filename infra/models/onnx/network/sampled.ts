// Codes at single points where geometry is not exact: pre-activations of every tap behind a start, in float32.

import { PipelineError } from '#schemas/errors.ts';
import type { Network } from '../../../../activities/experiments/network.ts';
import type { SampledNet } from '../../../../activities/polytope/piecewise-net.ts';
import type { TapInfo } from '#schemas/sweep.ts';
import { elements } from '../tensors.ts';
import type { FloatSession } from './float-session.ts';
import type { Forward } from './forward.ts';
import { tensorsBehind } from './graph-flow.ts';
import { type OpenedModel, tensorNamed } from './opened-model.ts';
import { spaceShape } from './start-spaces.ts';

type At = NonNullable<Parameters<Network['sampled']>[0]['at']>;

interface SampledOptions {
  readonly from: string;
  readonly at: At | undefined;
}

/** What a run is filled with: the point's place in a sample, and what stays as it was. */
interface Frame {
  /** Values of one sample of the start; a point replaces `size` of them from `offset` on. */
  readonly base: Float32Array;
  readonly offset: number;
  readonly size: number;
  readonly crossing: ReadonlyMap<string, Float32Array>;
  /** Row of a sample that is read from outputs, of `rows` rows. */
  readonly row: number;
  readonly rows: number;
}

/**
 * Opens a net that is sampled. A text model's point is the vector of one token; every other vector stays what `base` gives.
 * @throws PipelineError `config-invalid` where the start is no space of floats, or others cross it in a model without tokens.
 */
export async function openSampled(
  model: OpenedModel,
  forward: Forward,
  { from, at }: SampledOptions,
): Promise<SampledNet> {
  const start = tensorNamed(model, from);
  const shape = spaceShape(model, start);
  if (shape === null) throw noSpace(model, from, 'is no space of floats with one vector per sample or token');
  if ((model.tokens !== null) !== (at !== undefined))
    throw noSpace(model, from, model.tokens === null ? 'has no tokens' : 'needs the token that moves');
  const behind = tensorsBehind(model.loaded.graph.node, start);
  const taps = model.taps.map(({ info }) => info).filter(({ name }) => behind.has(name));
  const logits = model.logits !== null && behind.has(model.logits.name) ? model.logits : null;
  const codes = taps.map(({ name }) => name).filter((name) => name !== start);
  if (codes.length === 0 && logits === null) throw noSpace(model, from, 'has no tap and no logits behind it');
  const open = async (outputs: readonly string[]): Promise<Runner> => {
    const session = await forward.session(start, outputs);
    return { session, frame: await frameOf(model, forward, { session, start, from, at }) };
  };
  const all = logits === null ? codes : [...new Set([...codes, logits.name])];
  // Opened now, so that a space that does not fit is known at once.
  const runners = new Map([['codes', await open(codes.length === 0 ? all : codes)]]);
  const info = { name: from, size: elements(shape), shape };
  return sampledNet({ info, taps, logits, start }, async (wanted) => {
    const runner = runners.get(wanted) ?? (await open(all));
    runners.set(wanted, runner);
    return runner;
  });
}

/** A session with what its runs are filled with. */
interface Runner {
  readonly session: FloatSession;
  readonly frame: Frame;
}

interface SampledParts {
  readonly info: SampledNet['start'];
  readonly taps: readonly TapInfo[];
  readonly logits: OpenedModel['logits'];
  readonly start: string;
}

function sampledNet(
  { info, taps, logits, start }: SampledParts,
  runnerFor: (wanted: 'all' | 'codes') => Promise<Runner>,
): SampledNet {
  const classes = logits?.classes ?? 0;
  return {
    start: info,
    taps,
    outputs: classes,
    async evaluate(values, points, wanted = 'all') {
      const { session, frame } = await runnerFor(logits === null ? 'codes' : wanted);
      const pre = new Map(taps.map(({ name, codeBits }) => [name, new Float32Array(points * codeBits)]));
      const outputs = new Float32Array(wanted === 'all' ? points * classes : 0);
      const filledBy = new Map<string, Float32Array>(pre);
      if (logits !== null && wanted === 'all') filledBy.set(logits.name, outputs);
      for (let first = 0; first < points; first += session.samples) {
        const valid = Math.min(session.samples, points - first);
        const run = await session.run(filled(session, frame, { values, first, valid }), frame.crossing);
        for (const [name, into] of filledBy)
          copyRows(frame, run.get(name), { into, first, valid, samples: session.samples });
      }
      pre.get(start)?.set(values);
      return { pre: taps.map(({ name }) => pre.get(name) as Float32Array), outputs };
    },
    // The session is the forward passes', and serves the next token too.
    close: async () => {},
  };
}

async function frameOf(
  model: OpenedModel,
  forward: Forward,
  { session, start, from, at }: { session: FloatSession; start: string } & SampledOptions,
): Promise<Frame> {
  const whole = { base: new Float32Array(session.size), offset: 0, size: session.size, row: 0, rows: 1 };
  if (at === undefined) {
    if (session.crossing.length === 0) return { ...whole, crossing: new Map() };
    throw noSpace(model, from, `does not separate the graph: ${session.crossing.join(', ')} pass by it`);
  }
  const tokens = model.tokens as number;
  if (at.base.data.length !== tokens || !Number.isInteger(at.token) || at.token < 0 || at.token >= tokens)
    throw noSpace(model, from, `takes one sequence of ${tokens} tokens and one of its tokens (${at.token})`);
  const values = await forward.run(at.base, { to: [start, ...session.crossing] });
  const size = session.size / tokens;
  return {
    base: values.get(start) as Float32Array,
    offset: at.token * size,
    size,
    row: at.token,
    rows: tokens,
    crossing: new Map(session.crossing.map((name) => [name, repeated(values.get(name), session.samples)])),
  };
}

/** The start tensor of one run: the frame, with a point in each sample. */
function filled(
  { samples, size: all }: FloatSession,
  { base, offset, size }: Frame,
  { values, first, valid }: { values: Float64Array; first: number; valid: number },
): Float32Array {
  const run = new Float32Array(samples * all);
  for (let sample = 0; sample < samples; sample++) {
    run.set(base, sample * all);
    if (sample < valid)
      run.set(values.subarray((first + sample) * size, (first + sample + 1) * size), sample * all + offset);
  }
  return run;
}

function copyRows(
  { row, rows }: Frame,
  values: Float32Array | undefined,
  { into, first, valid, samples }: { into: Float32Array; first: number; valid: number; samples: number },
): void {
  if (values === undefined) return;
  const width = values.length / samples / rows;
  for (let sample = 0; sample < valid; sample++) {
    const at = (sample * rows + row) * width;
    into.set(values.subarray(at, at + width), (first + sample) * width);
  }
}

function repeated(values: Float32Array | undefined, times: number): Float32Array {
  const one = values ?? new Float32Array();
  const all = new Float32Array(times * one.length);
  for (let i = 0; i < times; i++) all.set(one, i * one.length);
  return all;
}

function noSpace({ loaded }: OpenedModel, name: string, why: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: `the space ${why}`,
    where: loaded.file,
    value: name,
    remedy: 'tessera inspect lists the spaces that paths may start in.',
  });
}
