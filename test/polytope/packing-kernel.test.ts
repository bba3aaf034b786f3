import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitAt, codeRowBytes } from '../../activities/polytope/code-layout.ts';
import { createPackingKernel } from '../../activities/polytope/packing-kernel.ts';
import { packSigns } from '../../activities/polytope/sign-code.ts';

const finite = fc.oneof(
  fc.constantFrom(0, -0, 1e-45, -1e-45, 3.4e38),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
);
const shapes = fc.record({ rows: fc.integer({ min: 1, max: 4 }), bits: fc.integer({ min: 1, max: 100 }) });

function filled(rows: number, bits: number, strideBytes: number, values: ArrayLike<number>) {
  const kernel = createPackingKernel();
  const from = kernel.reserve(rows * bits * 4);
  const to = kernel.reserve(rows * strideBytes);
  new Float32Array(kernel.buffer, from, rows * bits).set(values);
  new Uint8Array(kernel.buffer, to, rows * strideBytes).fill(0xee);
  return { kernel, job: { from, to, rows, bits, strideBytes } };
}

describe('packFloats', () => {
  it('equals the reference packing for any shape and finite values', () => {
    fc.assert(
      fc.property(
        shapes.chain((shape) =>
          fc.tuple(
            fc.constant(shape),
            fc.array(finite, { minLength: shape.rows * shape.bits, maxLength: shape.rows * shape.bits }),
          ),
        ),
        ([{ rows, bits }, list]) => {
          const values = Float32Array.from(list);
          const { kernel, job } = filled(rows, bits, codeRowBytes(bits), values);
          expect(kernel.packFloats(job)).toBe(true);
          const got = new Uint8Array(kernel.buffer, job.to, rows * job.strideBytes);
          expect([...got]).toEqual([...packSigns(values, { rows, neurons: bits })]);
        },
      ),
    );
  });

  it('reports a value that is not finite, wherever it lies', () => {
    const bad = fc.constantFrom(Number.NaN, Infinity, -Infinity);
    fc.assert(
      fc.property(shapes, fc.nat(), bad, ({ rows, bits }, at, value) => {
        const values = new Float32Array(rows * bits).fill(-1);
        values[at % values.length] = value;
        const { kernel, job } = filled(rows, bits, codeRowBytes(bits), values);
        expect(kernel.packFloats(job)).toBe(false);
      }),
    );
  });

  it('reports a NaN with its sign bit set', () => {
    const { kernel, job } = filled(1, 40, 8, new Float32Array(40));
    new Uint32Array(kernel.buffer, job.from, 40)[33] = 0xffc00000;
    expect(kernel.packFloats(job)).toBe(false);
  });

  it('clears whatever padding the row has', () => {
    const { kernel, job } = filled(2, 33, 16, new Float32Array(66).fill(1));
    kernel.packFloats(job);
    const row = [255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    expect([...new Uint8Array(kernel.buffer, job.to, 32)]).toEqual([...row, ...row]);
  });
});

describe('packBools', () => {
  it('equals the reference packing of the same signs', () => {
    fc.assert(
      fc.property(shapes, fc.infiniteStream(fc.boolean()), ({ rows, bits }, stream) => {
        const signs = Uint8Array.from({ length: rows * bits }, () => Number(stream.next().value));
        const { kernel, job } = filled(rows, bits, codeRowBytes(bits), []);
        new Uint8Array(kernel.buffer, job.from, signs.length).set(signs);
        kernel.packBools(job);
        const expected = packSigns(Float32Array.from(signs), { rows, neurons: bits });
        expect([...new Uint8Array(kernel.buffer, job.to, rows * job.strideBytes)]).toEqual([...expected]);
      }),
    );
  });
});

describe('transposeBits', () => {
  it('moves bit (row, col) to (col, row) in every group and clears pads', () => {
    const sizes = fc.record({
      groups: fc.integer({ min: 1, max: 3 }),
      rows: fc.integer({ min: 1, max: 35 }),
      cols: fc.integer({ min: 1, max: 35 }),
    });
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat({ max: 255 })), ({ groups, rows, cols }, stream) => {
        const kernel = createPackingKernel();
        const [fromStrideBytes, toStrideBytes] = [Math.ceil(cols / 8), codeRowBytes(rows)];
        const from = kernel.reserve(groups * rows * fromStrideBytes);
        const to = kernel.reserve(groups * cols * toStrideBytes);
        const source = new Uint8Array(kernel.buffer, from, groups * rows * fromStrideBytes);
        for (let i = 0; i < source.length; i++) source[i] = stream.next().value as number;
        kernel.transposeBits({ from, to, groups, rows, cols, fromStrideBytes, toStrideBytes });
        const target = new Uint8Array(kernel.buffer, to, groups * cols * toStrideBytes);
        for (let group = 0; group < groups; group++) {
          for (let col = 0; col < cols; col++) {
            const code = target.subarray(
              (group * cols + col) * toStrideBytes,
              (group * cols + col + 1) * toStrideBytes,
            );
            for (let row = 0; row < toStrideBytes * 8; row++) {
              const plane = source.subarray((group * rows + row) * fromStrideBytes);
              expect(bitAt(code, row)).toBe(row < rows ? bitAt(plane, col) : 0);
            }
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('row statistics', () => {
  it('counts values strictly within the limit', () => {
    const values = Float32Array.of(2, -2, 1.9999999, -1.9999999, 0, 5, 1);
    const { kernel, job } = filled(1, 7, 4, values);
    kernel.countWithin(job, 2);
    expect(new Uint32Array(kernel.buffer, job.to, 1)[0]).toBe(4);
  });

  it('takes norms in double: large and tiny rows neither overflow nor vanish', () => {
    const values = Float32Array.of(3, 4, 0, 0, 0, 1e30, 0, 0, 0, 1e30, 1e-30, 0, 0, 0, 0);
    const { kernel, job } = filled(3, 5, 4, values);
    kernel.rowNorms(job);
    const norms = new Float32Array(kernel.buffer, job.to, 3);
    expect(norms[0]).toBe(5);
    expect((norms[1] ?? 0) / 1e30).toBeCloseTo(Math.SQRT2, 5);
    expect((norms[2] ?? 0) / 1e-30).toBeCloseTo(1, 5);
  });
});
