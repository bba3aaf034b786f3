import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bitAt,
  bytesForBits,
  codeRowBytes,
  imageBit,
  spanOffsets,
} from '../../activities/polytope/code-layout.ts';
import { packSigns, unpackSigns } from '../../activities/polytope/sign-code.ts';

const matrices = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 70 }))
  .chain(([rows, neurons]) =>
    fc.record({
      rows: fc.constant(rows),
      neurons: fc.constant(neurons),
      pre: fc.float32Array({
        minLength: rows * neurons,
        maxLength: rows * neurons,
        noNaN: true,
        noDefaultInfinity: true,
      }),
    }),
  );

describe('packSigns', () => {
  it('puts bit j at bit j & 7 of byte j >> 3, LSB first', () => {
    const pre = new Float32Array(40).fill(-1);
    pre[0] = 1;
    pre[9] = 1e-45;
    pre[39] = 3;
    expect([...packSigns(pre, { rows: 1, neurons: 40 })]).toEqual([1, 2, 0, 0, 128, 0, 0, 0]);
  });

  it('gives 0 for both zeros', () => {
    expect([...packSigns(Float32Array.of(0, -0), { rows: 1, neurons: 2 })]).toEqual([0, 0, 0, 0]);
  });

  it('unpacks to the signs, with zero pads', () => {
    fc.assert(
      fc.property(matrices, ({ rows, neurons, pre }) => {
        const codes = packSigns(pre, { rows, neurons });
        expect(codes).toHaveLength(rows * codeRowBytes(neurons));
        expect([...unpackSigns(codes, { rows, neurons })]).toEqual([...pre].map((z) => (z > 0 ? 1 : 0)));
        for (let row = 0; row < rows; row++) {
          const code = codes.subarray(row * codeRowBytes(neurons), (row + 1) * codeRowBytes(neurons));
          for (let bit = neurons; bit < code.length * 8; bit++) expect(bitAt(code, bit)).toBe(0);
        }
      }),
    );
  });

  it.each([Number.NaN, Infinity, -Infinity])('refuses %s, naming row and neuron', (bad) => {
    const pre = new Float32Array(12);
    pre[7] = bad;
    expect(() => packSigns(pre, { rows: 3, neurons: 4 })).toThrow(/row 1, neuron 3/);
  });

  it('refuses a length that does not fit the shape', () => {
    expect(() => packSigns(new Float32Array(5), { rows: 2, neurons: 3 })).toThrow(/do not fit/);
  });
});

describe('code layout', () => {
  it('pads codes to whole words and spans to whole taps', () => {
    expect([0, 1, 8, 9].map(bytesForBits)).toEqual([0, 1, 1, 2]);
    expect([1, 32, 33, 128].map(codeRowBytes)).toEqual([4, 4, 8, 16]);
    expect(spanOffsets([1, 33, 64])).toEqual([0, 4, 12, 20]);
  });

  it('orders image bits by channel, then row, then column', () => {
    const size = { height: 3, width: 5 };
    expect(imageBit({ channel: 0, y: 0, x: 4 }, size)).toBe(4);
    expect(imageBit({ channel: 0, y: 2, x: 1 }, size)).toBe(11);
    expect(imageBit({ channel: 2, y: 1, x: 0 }, size)).toBe(35);
  });
});
