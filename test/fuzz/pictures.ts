// Small pictures of the kinds that data sets have.

import sharp from 'sharp';

/** One folder of pictures per kind; the first of them is what gets mutated. */
export async function pictures(): Promise<Readonly<Record<string, Uint8Array>>[]> {
  const noise = Uint8Array.from({ length: 5 * 4 * 3 }, (_, i) => (i * 37) % 256);
  const picture = () => sharp(noise, { raw: { width: 5, height: 4, channels: 3 } });
  const encoded = await Promise.all([
    picture().png().toBuffer(),
    picture().jpeg().toBuffer(),
    picture().webp({ lossless: true }).toBuffer(),
    picture().gif().toBuffer(),
    picture().tiff().toBuffer(),
  ]);
  const sound = await picture().png().toBuffer();
  return encoded.map((bytes, i) => ({
    [`a/${i}.${['png', 'jpg', 'webp', 'gif', 'tiff'][i]}`]: bytes,
    'a/sound.png': sound,
  }));
}
