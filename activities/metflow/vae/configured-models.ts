// Autoencoders as a config names them.

import type { BetweenConfig } from '#schemas/metflow-images.ts';
import { buildFlow } from '../flow-options.ts';
import type { Bijection } from '../flows/bijection.ts';
import { compose } from '../flows/compose.ts';
import { flowKernel } from '../path/flow-kernel.ts';
import { hamiltonianKernel } from '../path/hamiltonian-kernel.ts';
import { type KernelGroup, pathModel, type PathModel } from '../path/path-model.ts';
import type { Between } from './vae-model.ts';

type Kernels = Extract<BetweenConfig, { readonly count: number }>;

/** What stands between encoder and decoder, in the coordinates in which the encoder's law is N(0, I). */
export function betweenOf(config: BetweenConfig, latent: number): Between {
  switch (config.type) {
    case 'vae':
    case 'iwae':
    case 'encoder':
      return null;
    case 'realnvp':
      return flows(config, latent);
    case 'metflow': {
      const { flow, layers, hidden, count } = config;
      const kernel = flowKernel(buildFlow({ flow, dim: latent, layers, hidden, aggregation: null }));
      return pathOf(config, latent, { kernel, count, conditioning: 'none' });
    }
    case 'hmc': {
      const { stepSize, steps, kept, count } = config;
      const kernel = hamiltonianKernel({ dim: latent, stepSize, steps, kept });
      return pathOf(config, latent, { kernel, count, conditioning: 'free' });
    }
  }
}

/** Draws of an image whose weights a training averages. */
export function copiesOf(config: BetweenConfig): number {
  return config.type === 'iwae' ? config.copies : 1;
}

function flows(
  { count, layers, hidden }: Extract<BetweenConfig, { type: 'realnvp' }>,
  dim: number,
): Bijection {
  const options = { flow: 'realnvp', dim, layers, hidden, aggregation: null } as const;
  return compose(Array.from({ length: count }, () => buildFlow(options)));
}

function pathOf(
  { reverse }: Exclude<Kernels, { type: 'realnvp' }>,
  dim: number,
  group: KernelGroup,
): PathModel {
  const initial = { law: 'frozen', scale: 1 } as const;
  return pathModel({ dim, groups: [group], initial, reverse: { law: reverse } });
}
