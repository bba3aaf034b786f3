// `packing: auto`: every way packs the same bits, so the fastest on this machine may be kept without changing
// a result.

import { PipelineError } from '#schemas/errors.ts';
import type { EncoderSession, InputTensor, SessionOptions } from '../../../activities/ports.ts';
import { randomStream } from '../../../activities/numeric/rng.ts';
import type { LoadedModel } from './load.ts';
import { PACKING_WAYS } from './packing-ways.ts';
import type { ModelInput, ProbedModel } from './probe.ts';
import { openEncoder } from './session.ts';
import { runSamplesOf } from './session-memory.ts';
import { elements } from './tensors.ts';

/** Above this a second session costs more memory and time than the best way could win. */
const MEASURED_MODEL_BYTES = 64 * 1024 * 1024;
const TIMED_RUNS = 5;
/** A later way must win by this much: on a busy machine smaller gains are noise. */
const CLEAR_GAIN = 0.95;

/** Opens a session with every way in turn and keeps the one whose best run is clearly the shortest. */
export async function choosePackingWay(
  loaded: LoadedModel,
  {
    probed,
    input,
    options,
  }: { readonly probed: ProbedModel; readonly input: ModelInput; readonly options: SessionOptions },
): Promise<EncoderSession> {
  if (loaded.bytes > MEASURED_MODEL_BYTES)
    return openEncoder(loaded, { probed, input, options, way: 'float-simd' });
  const batch = trialBatch(
    input,
    options,
    Math.min(options.batchSamples, runSamplesOf(probed.taps, input, options.batchSamples)),
  );
  let best: { session: EncoderSession; seconds: number } | undefined;
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
    best = { session, seconds };
  }
  return (best as { session: EncoderSession }).session;
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
