// An ONNX model, trained or a control, as experiments use it.

import type { ModelConfig } from '#schemas/config.ts';
import type { ModelVariant, Network } from '../../activities/experiments/network.ts';
import { activationOf, geluNodes } from './onnx/network/activations.ts';
import { createForward } from './onnx/network/forward.ts';
import { openModel, tensorNamed } from './onnx/network/opened-model.ts';
import { openPiecewise } from './onnx/network/piecewise.ts';
import { openSampled } from './onnx/network/sampled.ts';
import { inexactOperators, planStages } from './onnx/network/stage-plan.ts';
import { poolTaps } from './onnx/network/stage-units.ts';
import { ShortContexts } from './onnx/network/short-contexts.ts';
import { startSpaces } from './onnx/network/start-spaces.ts';

/**
 * Opens a model. The variant decides its weights; `model.control` is not looked at.
 * @param options.sampleShape - shape of one sample, without the batch; text: `[tokens]`.
 * @param options.threads - threads of each session, at least 1.
 * @throws PipelineError `model-missing`, `model-invalid`, `model-no-taps`, `config-invalid` or `shape-mismatch`.
 */
export async function openNetwork({
  model: config,
  variant,
  sampleShape,
  threads,
}: {
  readonly model: ModelConfig;
  readonly variant: ModelVariant;
  readonly sampleShape: readonly number[];
  readonly threads: number;
}): Promise<Network> {
  const model = await openModel({ model: config, variant, sampleShape });
  const forward = createForward(model, threads);
  const contexts = new ShortContexts({ model, forward }, async (tokens) => {
    const short = await openModel({ model: config, variant, sampleShape: [tokens] });
    return { model: short, forward: createForward(short, threads) };
  });
  const gelus = geluNodes(model.index);
  const inexactFrom = (start: string) => inexactOperators(model, start, gelus);
  return {
    variant,
    sha256: model.loaded.sha256,
    backend: `onnxruntime-node/${config.device}`,
    taps: model.taps.map(({ info }) => info),
    activations: model.taps.map(({ info }) => activationOf(model.index, info.name)),
    pools: poolTaps(model),
    classes: model.logits?.classes ?? null,
    logits: model.logits?.name ?? null,
    text: model.tokens !== null,
    startSpaces: startSpaces(model),
    inexact: (from) => inexactFrom(tensorNamed(model, from)),
    forward: forward.run,
    ambiguous: forward.ambiguous,
    async piecewise({ from }) {
      const start = tensorNamed(model, from);
      return openPiecewise(model, planStages(model, start, inexactFrom(start)), { name: from, threads });
    },
    async sampled({ from, at }) {
      const found = await contexts.around(at);
      return openSampled(found.context.model, found.context.forward, { from, at: found.at });
    },
    async close() {
      await contexts.close();
      await forward.close();
    },
  };
}
