// Models of a run that a thread keeps open: the trained one and its controls.

import { statSync } from 'node:fs';
import type { ModelConfig } from '#schemas/config.ts';
import { PipelineError } from '#schemas/errors.ts';
import { type ModelVariant, type Network, variantName } from '../../activities/experiments/network.ts';
import { openNetwork } from '../models/onnx-network.ts';

/** Bytes of model files that one thread keeps open: a session takes a small multiple of its file. */
const KEPT_BYTES = 256 * 2 ** 20;

export interface NetworksOptions {
  readonly model: ModelConfig;
  readonly sampleShape: readonly number[];
}

export class Networks {
  readonly #options: NetworksOptions;
  /** Least recently used first. */
  readonly #open = new Map<string, Promise<Network>>();

  constructor(options: NetworksOptions) {
    const { file } = options.model;
    if (!file.endsWith('.onnx')) {
      throw new PipelineError({
        kind: 'config-invalid',
        where: 'model.file',
        what: 'experiments read .onnx files only',
        value: file,
        remedy: 'Export the model to ONNX; kind: sweep reads TensorFlow.js models too.',
      });
    }
    this.#options = options;
  }

  /** The model with the variant's weights; opened once. */
  open(variant: ModelVariant): Promise<Network> {
    const { model, sampleShape } = this.#options;
    const name = variantName(variant);
    const network =
      this.#open.get(name) ??
      openNetwork({
        model,
        variant,
        sampleShape,
        threads: model.threads === 0 ? 1 : model.threads,
      });
    this.#open.delete(name);
    this.#open.set(name, network);
    network.catch(() => this.#open.delete(name));
    return network;
  }

  /** Closes the least recently used beyond what may stay open; call it where no task uses them. */
  async trim(): Promise<void> {
    const kept = Math.max(1, Math.floor(KEPT_BYTES / statSync(this.#options.model.file).size));
    await this.#close([...this.#open.keys()].slice(0, -kept));
  }

  close(): Promise<void> {
    return this.#close([...this.#open.keys()]);
  }

  async #close(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const network = await this.#open.get(name)?.catch(() => null);
      this.#open.delete(name);
      await network?.close();
    }
  }
}
