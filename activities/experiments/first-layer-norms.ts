// How long the gradients of the first layer's units are: |z| over it is the distance to the unit's boundary.

import type { PiecewiseNet } from '../polytope/piecewise-net.ts';
import type { Network } from './network.ts';

/** Products of inputs and units beyond which asking for every column of the layer takes too long. */
const MOST_PRODUCTS = 2 ** 28;
const INPUTS_PER_PASS = 64;

/**
 * Lengths of the first tap's gradients in the space of the model input, exact from its answers to unit vectors.
 * @returns `[units]`; null where the network is not piecewise linear, or the layer too wide.
 */
export async function firstLayerNorms(network: Network): Promise<Float64Array | null> {
  const units = network.taps[0]!.codeBits;
  const { size } = network.startSpaces[0]!;
  if (network.text || network.inexact('input').length > 0 || size * units > MOST_PRODUCTS) return null;
  const net = await network.piecewise({ from: 'input' });
  try {
    const place = net.stages[0]?.taps.find(({ kind, tap }) => {
      return kind === 'relu' && net.taps[tap]!.name === network.taps[0]!.name;
    });
    return place === undefined ? null : await normsOf(net, { offset: place.offset, units });
  } finally {
    await net.close();
  }
}

async function normsOf(
  net: PiecewiseNet,
  { offset, units }: { readonly offset: number; readonly units: number },
): Promise<Float64Array> {
  const { size } = net.start;
  const { width } = net.stages[0]!;
  const atZero = await net.advance(0, new Float64Array(size), 1);
  const squares = new Float64Array(units);
  for (let from = 0; from < size; from += INPUTS_PER_PASS) {
    const count = Math.min(INPUTS_PER_PASS, size - from);
    const vectors = new Float64Array(count * size);
    for (let i = 0; i < count; i++) vectors[i * size + from + i] = 1;
    const values = await net.advance(0, vectors, count);
    for (let i = 0; i < count; i++)
      for (let unit = 0; unit < units; unit++)
        squares[unit]! += (values[i * width + offset + unit]! - atZero[offset + unit]!) ** 2;
  }
  return squares.map(Math.sqrt);
}
