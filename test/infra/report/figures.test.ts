// Small pure parts: numbers as shown, tables, packed polygons, pictures, neighbours.

import { describe, expect, it } from 'vitest';
import { colourOf, draw, shortened, stack, svgFile } from '../../../infra/report/chart.ts';
import { dataTable } from '../../../infra/report/data-table.ts';
import { markedContext } from '../../../infra/report/exemplars.ts';
import { fixed, percent, pValue, range, significant } from '../../../infra/report/format-value.ts';
import { imagePixels, imageShape } from '../../../infra/report/pictures.ts';
import { nearestOf } from '../../../infra/report/sections/region-explorer.ts';
import { packPolygons } from '../../../infra/report/sections/slices.ts';
import { gridMarginal } from '../../../infra/report/target-grid.ts';

describe('names of columns', () => {
  it('stay where they fit', () => {
    expect(shortened(['fc1', 'network'], 8)).toEqual(['fc1', 'network']);
  });

  it('lose what all long ones begin and end with, and stay apart', () => {
    const blocks = [0, 1, 2].map((i) => `/blocks.${i}/fc_in/Add_output_0`);
    expect(shortened([...blocks, 'network'], 12)).toEqual(['blocks.0', 'blocks.1', 'blocks.2', 'network']);
    expect(shortened(['/a/conv/Conv_output_0', '/b/conv/Conv_output_0'], 5)).toEqual(['a', 'b']);
  });

  it('lose the operators of ONNX exports first, and are cut in the middle where nothing else is enough', () => {
    const blocks = [0, 1].map((i) => `/blocks.${i}/fc_in/Add_output_0`);
    expect(shortened(blocks, 16)).toEqual(['blocks.0/fc_in', 'blocks.1/fc_in']);
    const convolutions = ['/mixed/b1/Conv_output_0/act_l2', '/mixed/b1/Conv_output_0/act_cos', 'fc'];
    const starts = [
      'to_output from /mixed/Concat_output_0',
      'layer from /mixed/Concat_output_0',
      'layer from /Relu_output_0',
    ];
    expect(shortened(starts, 24)).toEqual([
      'to_output from /mixed',
      'layer from /mixed',
      'layer from …lu_output_0',
    ]);
    expect(shortened(convolutions, 20)).toEqual(['mixed/b1/act_l2', 'mixed/b1/act_cos', 'fc']);
    expect(shortened(['abcdefghijklmnopqrstuvwxyz'], 9)).toEqual(['abcd…wxyz']);
  });
});

describe('numbers', () => {
  it('show significant digits, and a dash for what is not there', () => {
    expect([
      significant(0.123456),
      significant(12345.6),
      significant(0),
      significant(null),
      significant(Number.NaN),
    ]).toEqual(['0.123', '12,300', '0', '–', '–']);
    expect([
      significant(Number.POSITIVE_INFINITY),
      significant(1.5e-7),
      fixed(2, 2),
      percent(0.1234),
    ]).toEqual(['∞', '1.50e-7', '2.00', '12.3 %']);
  });

  it('never show an interval with one end, or a p-value of 0', () => {
    expect([range(1, 2), range(null, 2), pValue(0), pValue(0.0312)]).toEqual([
      '1 to 2',
      '–',
      '< 0.0001',
      '0.031',
    ]);
  });
});

describe('dataTable', () => {
  it('aligns columns of numbers right, and escapes cells', () => {
    const { text } = dataTable(
      ['name', 'n'],
      [
        ['<b>', '1,234'],
        ['b', '–'],
      ],
    );
    expect(text).toContain('<td class="short">&lt;b&gt;</td><td class="number">1,234</td>');
  });
});

describe('drawings', () => {
  it('scale in the page by variables and stand alone in files', () => {
    const drawing = draw({ height: 100, marks: [] }, [{ label: 'a < b', colour: 'var(--accent)' }]);
    const file = svgFile(stack([drawing, drawing]), 'A & B');
    expect(file).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="720" height="244"/);
    expect(file).toContain('a &lt; b');
    expect(file).toContain('<title>A &amp; B</title>');
    expect(file).not.toContain('var(');
  });

  it('give every class a colour of its own', () => {
    expect(new Set(Array.from({ length: 100 }, (_, i) => colourOf(i))).size).toBe(100);
  });
});

describe('packPolygons', () => {
  it('keeps vertices to the grid of the box, with class, slope and code', () => {
    const digest = Uint8Array.from({ length: 16 }, (_, i) => i);
    const rows = [
      { xy: [-1, 2, 1, 2, 0, 4], digest, pred_class: 3, jac_fro: 1.5 },
      { xy: [1, 4, -1, 4, 0, 3, 1, 3], digest, pred_class: null, jac_fro: null },
    ];
    const view = new DataView(packPolygons(rows, [-1, 2, 1, 4]).buffer);
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([2, 7]);
    expect([view.getUint16(8, true), view.getUint16(10, true)]).toEqual([3, 4]);
    expect([view.getInt16(12, true), view.getInt16(14, true)]).toEqual([3, -1]);
    expect([view.getFloat32(16, true), view.getFloat32(20, true)]).toEqual([1.5, Number.NaN]);
    expect(view.getUint8(24 + 7)).toBe(7);
    const corner = (i: number) => [view.getUint16(40 + 4 * i, true), view.getUint16(42 + 4 * i, true)];
    expect([corner(0), corner(1), corner(2), corner(3)]).toEqual([
      [0, 0],
      [65_535, 0],
      [32_768, 65_535],
      [65_535, 65_535],
    ]);
    expect(view.byteLength).toBe(40 + 28);
  });
});

describe('pictures', () => {
  it('take square flat inputs and images, nothing else', () => {
    expect(imageShape([784], { layout: 'nchw' })).toEqual({ width: 28, height: 28, channels: 1 });
    expect(imageShape([3072], { layout: 'nchw' })).toEqual({ width: 32, height: 32, channels: 3 });
    expect(imageShape([3, 20, 30], { layout: 'nchw' })).toEqual({ width: 30, height: 20, channels: 3 });
    expect(imageShape([20, 30, 3], { layout: 'nhwc' })).toEqual({ width: 30, height: 20, channels: 3 });
    expect([imageShape([2], { layout: 'nchw' }), imageShape([5, 20, 30], { layout: 'nchw' })]).toEqual([
      null,
      null,
    ]);
  });

  it('undo mean, deviation, planes and the order of colours', () => {
    const shape = { width: 2, height: 1, channels: 3 } as const;
    // One red and one white pixel in planes of blue, green, red: (x - 0.5) / 0.5.
    const values = Float32Array.from([-1, 1, -1, 1, 1, 1]);
    const transform = {
      scale: 1 / 255,
      mean: 0.5,
      std: [0.5, 0.5, 0.5],
      layout: 'nchw',
      channelOrder: 'bgr',
    } as const;
    const pixels = imagePixels(values, { shape, transform: { ...transform, std: [0.5, 0.5, 0.5] } });
    expect([...pixels]).toEqual([255, 0, 0, 255, 255, 255]);
  });
});

describe('nearestOf', () => {
  it('finds the nearest codes by Hamming distance, ties by place', () => {
    const code = (byte: number) => ({ words: Uint8Array.from([byte, 0, 0, 0]) });
    const [first] = nearestOf([code(0b0000), code(0b0111), code(0b0001), code(0b1000)], 3);
    expect(first).toEqual([
      [2, 1],
      [3, 1],
      [1, 3],
    ]);
  });

  it('is empty where codes are not kept', () => {
    expect(nearestOf([{ words: null }, { words: null }])).toEqual([[], []]);
  });
});

describe('markedContext', () => {
  it('marks the token and escapes all of it', () => {
    expect(markedContext('a <i> «b & c» d').text).toBe('a &lt;i&gt; <mark>b &amp; c</mark> d');
  });
});

describe('gridMarginal', () => {
  it('integrates a density to 1 over the box', () => {
    const box = { x0: -2, y0: 0, x1: 2, y1: 1 };
    const marginal = gridMarginal(
      { side: 4, box, logDensity: new Float64Array(16).map((_, i) => -(i % 4)) },
      0,
    );
    const weights = [1, Math.exp(-1), Math.exp(-2), Math.exp(-3)];
    const sum = weights.reduce((a, b) => a + b, 0);
    for (const [i, { density }] of marginal.entries()) expect(density).toBeCloseTo(weights[i]! / sum, 12);
    expect(marginal.map(({ x }) => x)).toEqual([-1.5, -0.5, 0.5, 1.5]);
  });
});
