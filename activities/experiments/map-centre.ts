// The middle of a layer's map: where convolutional layers are looked at.

import type { Network } from './network.ts';

/** All channels at the middle of the map. */
export function centre(
  values: Float32Array,
  row: number,
  { channels, height, width }: Network['taps'][number],
): Float32Array {
  const at = row * channels * height * width + centrePosition({ height, width });
  return Float32Array.from({ length: channels }, (_, channel) => values[at + channel * height * width]!);
}

/** Number of the middle position, row by row. */
export function centrePosition({
  height,
  width,
}: {
  readonly height: number;
  readonly width: number;
}): number {
  return Math.floor(height / 2) * width + Math.floor(width / 2);
}
