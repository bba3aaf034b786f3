// `packing: auto`: every way packs the same bits, so the fastest on this machine may be kept without changing
// a result.

import { cpus } from 'node:os';
import { env } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import type { EncoderSession, InputTensor, SessionOptions } from '../../../activities/ports.ts';
import { randomStream } from '../../../activities/numeric/rng.ts';
import { cacheKey, readCachedJson, writeCachedJson } from '../../datasets/cache-folder.ts';
import type { LoadedModel } from './load.ts';
import { PACKING_WAYS, type PackingWay } from './packing-ways.ts';
import type { ModelInput, ProbedModel } from './probe.ts';
import { openEncoder } from './session.ts';
import { runSamplesOf } from './session-memory.ts';
import { elements } from './tensors.ts';

/** Above this a second session costs more memory and time than the best way could win. */
const MEASURED_MODEL_BYTES = 64 * 1024 * 1024;
const TIMED_RUNS = 5;
/** A later way must win by this much: on a busy machine smaller gains are noise. */
const CLEAR_GAIN = 0.95;

interface Choice {
  readonly probed: ProbedModel;
  readonly input: ModelInput;
  readonly options: SessionOptions;
}

/**
 * Opens a session with the fastest way of packing: the one that was measured for this model, batch and machine before, else each
 * is tried, and the winner kept in the cache.
 */
export async function choosePackingWay(loaded: LoadedModel, choice: Choice): Promise<EncoderSession> {
  if (loaded.bytes > MEASURED_MODEL_BYTES) return openEncoder(loaded, { ...choice, way: 'float-simd' });
  const entry = `packing/${choiceKey(loaded, choice)}.json`;
  const known = await readCachedJson(entry);
  const way = PACKING_WAYS.find((one) => one === known);
  if (way !== undefined) return openEncoder(loaded, { ...choice, way });
  const fastest = await fastestSession(loaded, choice);
  await writeCachedJson(entry, fastest.way);
  return fastest.session;
}

/** Whatever the speed of a way depends on. */
function choiceKey({ sha256 }: LoadedModel, { probed, input, options }: Choice): string {
  const { model, granularity, sampleShape, batchSamples, threads, countAmbiguous } = options;
  const taps = probed.taps.map(({ info }) => info.name);
  const machine = [env.versions, process.versions.node, cpus()[0]?.model];
  return cacheKey(
    ...[sha256, model.device, granularity, sampleShape, batchSamples, threads, countAmbiguous],
    ...[input.name, taps, machine],
  );
}

interface Timed {
  readonly way: PackingWay;
  readonly session: EncoderSession;
  readonly seconds: number;
}

/** Tries every way in turn and keeps the session whose best run is clearly the shortest. */
async function fastestSession(loaded: LoadedModel, { probed, input, options }: Choice): Promise<Timed> {
  const samples = Math.min(options.batchSamples, runSamplesOf(probed.taps, input, options));
  const batch = trialBatch(input, options, samples);
  let best: Timed | undefined;
  // Without bit planes to turn, channels last is the same as plain floats.
  const turns = probed.taps.some((tap) => tap.layout === 'planes');
  for (const way of PACKING_WAYS) {
    if (way === 'float-nhwc' && !turns) continue;
    const session = await openEncoder(loaded, { probed, input, options, way });
    const seconds = await shortestRun(session, batch);
    if (best !== undefined && seconds >= best.seconds * CLEAR_GAIN) {
      await session.close();
      continue;
    }
    await best?.session.close();
    best = { way, session, seconds };
  }
  return best as Timed;
}

/** One run's worth of random normal samples; token 0 for text, which costs the same as any other. */
function trialBatch(input: ModelInput, { sampleShape }: SessionOptions, samples: number): InputTensor {
  const dims = [samples, ...sampleShape];
  const count = elements(dims);
  const random = randomStream(0);
  switch (input.type) {
    case 'float32':
      return { type: 'float32', data: Float32Array.from({ length: count }, () => random.normal()), dims };
    case 'int64':
      return { type: 'int64', data: new BigInt64Array(count), dims };
    case 'int32':
      return { type: 'int32', data: new Int32Array(count), dims };
    case 'uint8':
      return { type: 'uint8', data: Uint8Array.from({ length: count }, () => random.below(256)), dims };
  }
}

async function shortestRun(session: EncoderSession, batch: InputTensor): Promise<number> {
  let shortest = Infinity;
  for (let run = 0; run <= TIMED_RUNS; run++) {
    const start = performance.now();
    // A net may be undefined on random data; how long it took is all that counts here.
    await session.encode(batch).catch(ignoreNonFinite);
    if (run > 0) shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest / 1000;
}

function ignoreNonFinite(error: unknown): void {
  if (!(error instanceof PipelineError && error.fault.kind === 'non-finite-input')) throw error;
}
