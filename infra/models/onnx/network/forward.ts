// Forward passes from any space to any tensors, in float32, with sessions kept per pair of ends.

import { PipelineError } from '#schemas/errors.ts';
import type { Network } from '../../../../activities/experiments/network.ts';
import type { InputTensor } from '../../../../activities/ports.ts';
import { elements } from '../tensors.ts';
import { type AmbiguityOptions, openAmbiguitySession } from './ambiguity-session.ts';
import { type FloatSession, openFloatSession } from './float-session.ts';
import { INPUT, type OpenedModel, tensorNamed } from './opened-model.ts';

/** Forward passes, and the sessions that they keep. */
export interface Forward {
  readonly run: Network['forward'];
  readonly ambiguous: Network['ambiguous'];
  /** The session from a tensor to others; it stays open until all are closed. */
  session(start: string, outputs: readonly string[]): Promise<FloatSession>;
  close(): Promise<void>;
}

/** Sessions are opened when they are first asked for. */
export function createForward(model: OpenedModel, threads: number): Forward {
  const sessions = new Map<string, Promise<FloatSession>>();
  function sessionFor(start: string, outputs: readonly string[]): Promise<FloatSession> {
    const key = JSON.stringify([start, outputs]);
    const open = sessions.get(key) ?? openFloatSession(model, { start, outputs, threads });
    sessions.set(key, open);
    return open;
  }
  function ambiguitySession(options: AmbiguityOptions): Promise<FloatSession> {
    const key = `ambiguous bits ${JSON.stringify(options)}`;
    const open = sessions.get(key) ?? openAmbiguitySession(model, threads, options);
    sessions.set(key, open);
    return open;
  }
  return {
    session: sessionFor,
    async ambiguous(input, options = {}) {
      return runAll(await ambiguitySession(options), input, { start: model.input.name, model });
    },
    async run(input, { from = INPUT, to }) {
      const start = tensorNamed(model, from);
      const named = to.map((name) => ({ name, tensor: tensorNamed(model, name) }));
      const outputs = [...new Set(named.map(({ tensor }) => tensor))]
        .filter((tensor) => tensor !== start)
        .sort();
      const results =
        outputs.length === 0
          ? new Map<string, Float32Array>()
          : await runAll(await sessionFor(start, outputs), input, { start, model });
      return new Map(
        named.map(({ name, tensor }) => [name, results.get(tensor) ?? Float32Array.from(input.data, Number)]),
      );
    },
    async close() {
      for (const open of sessions.values()) await (await open.catch(() => null))?.release();
      sessions.clear();
    },
  };
}

/** Runs every sample; a short last run is padded with zeros. */
async function runAll(
  session: FloatSession,
  input: InputTensor,
  { start, model }: { start: string; model: OpenedModel },
): Promise<Map<string, Float32Array>> {
  const { samples: perRun, size } = session;
  const count = input.data.length / size;
  const type = start === model.input.name ? model.input.type : 'float32';
  checkInput(input, { type, size, start });
  const results = new Map<string, Float32Array>();
  for (let first = 0; first < count; first += perRun) {
    const valid = Math.min(perRun, count - first);
    const run = await session.run(
      piece(input, type, { first: first * size, valid: valid * size, all: perRun * size }),
    );
    for (const [name, values] of run) {
      const width = values.length / perRun;
      const all = results.get(name) ?? new Float32Array(count * width);
      all.set(values.subarray(0, valid * width), first * width);
      results.set(name, all);
    }
  }
  return results;
}

/** Numbers of one run in the type that the model takes, zeros behind them. */
function piece(
  { data }: InputTensor,
  type: InputTensor['type'],
  { first, valid, all }: { first: number; valid: number; all: number },
): InputTensor['data'] {
  const given = data.subarray(first, first + valid);
  if (type === 'int64') {
    const ids = new BigInt64Array(all);
    given.forEach((value: number | bigint, i: number) => {
      ids[i] = BigInt(value);
    });
    return ids;
  }
  const numbers =
    type === 'int32' ? new Int32Array(all) : type === 'uint8' ? new Uint8Array(all) : new Float32Array(all);
  given.forEach((value: number | bigint, i: number) => {
    numbers[i] = Number(value);
  });
  return numbers;
}

function checkInput(
  { type, dims, data }: InputTensor,
  wanted: { type: InputTensor['type']; size: number; start: string },
): void {
  const isIds = (name: string) => name === 'int64' || name === 'int32';
  const sameType = type === wanted.type || (isIds(type) && isIds(wanted.type));
  const isWhole = data.length > 0 && data.length % wanted.size === 0 && elements(dims) === data.length;
  if (sameType && isWhole) return;
  throw new PipelineError({
    kind: 'shape-mismatch',
    what: `a batch of ${type} [${dims.join(', ')}] does not fit: a sample is ${wanted.size} values of ${wanted.type}`,
    where: wanted.start,
    remedy: 'Check dataset.transform and the space that paths start in.',
  });
}
