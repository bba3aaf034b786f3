// Rows of small grey pictures as one drawing: a PNG a row, inside the SVG, so that pages and files show the same.

import sharp from 'sharp';
import { type Drawing, titleLine } from './chart.ts';
import { escapeText } from './markup.ts';

export interface PictureRow {
  readonly label: string;
  /** `[side * side]` each, from 0 (black) to 1; null leaves the place empty. */
  readonly pictures: readonly (ArrayLike<number> | null)[];
}

const LABEL_PX = 128;
const WIDTH_PX = 720;
/** Largest size of a picture. */
const MOST_PX = 40;
const ROW_GAP_PX = 4;

/** Side of the square that so many pixels make; null where they make none. */
export function squareSide(pixels: number): number | null {
  const side = Math.sqrt(pixels);
  return Number.isInteger(side) && side >= 2 ? side : null;
}

/** Pictures in rows with their labels; the rows' pictures stand under one another. */
export async function pictureGrid(
  rows: readonly PictureRow[],
  { side, title }: { readonly side: number; readonly title?: string },
): Promise<Drawing> {
  const most = Math.max(1, ...rows.map(({ pictures }) => pictures.length));
  const pitch = Math.min(MOST_PX, (WIDTH_PX - LABEL_PX) / most);
  const head = title === undefined ? null : titleLine(title, WIDTH_PX);
  let y = head?.height ?? 0;
  const parts = [head?.svg ?? ''];
  for (const { label, pictures } of rows) {
    parts.push(
      `<text x="${LABEL_PX - 8}" y="${y + pitch / 2}" dy="0.32em" text-anchor="end">${escapeText(label)}</text>`,
    );
    if (pictures.length > 0) {
      const width = pitch * pictures.length;
      parts.push(
        `<image x="${LABEL_PX}" y="${y}" width="${width}" height="${pitch}" preserveAspectRatio="none" style="image-rendering:pixelated" href="${await stripUri(pictures, side)}"/>`,
      );
    }
    y += pitch + ROW_GAP_PX;
  }
  return { width: WIDTH_PX, height: y, svg: parts.join('') };
}

/** Pictures next to one another, with a transparent gap behind each. */
async function stripUri(pictures: PictureRow['pictures'], side: number): Promise<string> {
  const gap = Math.max(1, Math.round(side / 14));
  const cell = side + gap;
  const width = cell * pictures.length;
  const strip = new Uint8Array(width * cell * 2);
  for (const [place, picture] of pictures.entries()) {
    if (picture === null) continue;
    for (let pixel = 0; pixel < side * side; pixel++) {
      const at = 2 * (Math.floor(pixel / side) * width + place * cell + (pixel % side));
      strip[at] = Math.round(255 * Math.max(0, Math.min(1, picture[pixel]!)));
      strip[at + 1] = 255;
    }
  }
  const png = sharp(strip, { raw: { width, height: cell, channels: 2 } }).png({ compressionLevel: 9 });
  return `data:image/png;base64,${(await png.toBuffer()).toString('base64')}`;
}
