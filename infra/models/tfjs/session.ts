// One encoder session: fixed batch shape, forward pass, packing. Everything between two awaits is one tensor scope.

import type { Tensor } from '@tensorflow/tfjs';
import { PipelineError } from '#schemas/errors.ts';
import type { EncodedBatch, EncoderSession, InputTensor, SessionOptions } from '../../../activities/ports.ts';
import { nonFinite } from '../onnx/input-checks.ts';
import type { Forward, TfjsNet } from './net.ts';
import { scoped, type TfjsRuntime } from './runtime.ts';
import type { TapGeometry } from './tap-geometry.ts';
import { PACKING_WAYS, type PackingWay, TapPacker } from './tap-packer.ts';

/** A session, and what was settled for on the way to it. */
export interface TfjsSession extends EncoderSession {
  readonly notices: readonly string[];
}

export interface SessionParts {
  readonly runtime: TfjsRuntime;
  readonly net: TfjsNet;
  /** The chosen taps: index into the net's taps, and geometry. */
  readonly taps: readonly { readonly index: number; readonly geometry: TapGeometry }[];
}

type Options = Pick<SessionOptions, 'batchSamples' | 'sampleShape' | 'packing' | 'countAmbiguous'>;

// A bit is ambiguous where |z| is below this part of the scale of its rounding errors.
const AMBIGUOUS = 1e-5;
const MEASURED_RUNS = 3;

/** @throws PipelineError `config-invalid` for an unknown way of packing. */
export function openSession(parts: SessionParts, options: Options): TfjsSession {
  const named = options.packing === 'auto' ? null : wayNamed(options.packing);
  const encoder = new TfjsEncoder(parts, options);
  const packing = named ?? encoder.fastestWay();
  let isClosed = false;
  return {
    taps: parts.taps.map(({ geometry }) => geometry.info),
    backend: `tfjs/${parts.runtime.backend}`,
    packing,
    notices: parts.runtime.notices,
    async encode(input) {
      if (isClosed) throw new PipelineError({ kind: 'internal', what: 'the session is closed' });
      await parts.runtime.activate();
      return encoder.encode(input, packing);
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      encoder.dispose();
      parts.net.dispose();
    },
  };
}

function wayNamed(name: string): PackingWay {
  const way = PACKING_WAYS.find((one) => one === name);
  if (way !== undefined) return way;
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'no such way of packing for TensorFlow.js models',
    where: 'codes.packing',
    value: name,
    remedy: `Allowed: auto, ${PACKING_WAYS.join(', ')}`,
  });
}

class TfjsEncoder {
  private readonly parts: SessionParts;
  private readonly options: Options;
  private readonly packer: TapPacker;
  private readonly sampleValues: number;
  private readonly staging: Float32Array | Int32Array;

  constructor(parts: SessionParts, options: Options) {
    this.parts = parts;
    this.options = options;
    this.sampleValues = options.sampleShape.reduce((product, size) => product * size, 1);
    const values = options.batchSamples * this.sampleValues;
    this.staging = parts.net.input.dtype === 'int32' ? new Int32Array(values) : new Float32Array(values);
    const geometries = parts.taps.map(({ geometry }) => geometry);
    const sizes = { batchSamples: options.batchSamples, valuesPerSample: this.sampleValues };
    this.packer = new TapPacker(parts.runtime, geometries, sizes);
  }

  encode(input: InputTensor, way: PackingWay): EncodedBatch {
    const samples = this.checkInput(input);
    const values = this.pad(input, samples);
    return this.withForward(values, (forward) => {
      const packed = forward.taps.map((pre, tap) => this.packer.pack(tap, pre, { samples, way }));
      const bad = packed.findIndex(({ badSample }) => badSample !== null);
      if (bad >= 0)
        throw nonFinite('a pre-activation is not finite', packed[bad]!.badSample!, this.tapName(bad));
      return {
        codes: packed.map(({ codes }) => codes),
        logits: this.logits(forward.logits, samples),
        softCounts: Float64Array.from(packed, ({ softCount }) => softCount),
        inputNorms: this.parts.net.input.isText
          ? null
          : this.packer.rowNorms(values as Float32Array, { samples, values: this.sampleValues }),
        ambiguous:
          forward.scales?.map((scale, tap) => this.ambiguous(tap, forward.taps[tap]!, scale, samples)) ??
          null,
      };
    });
  }

  /** The fastest way on a batch of zeros, after one run of each to warm up. */
  fastestWay(): PackingWay {
    const samples = this.options.batchSamples;
    return this.withForward(this.staging, ({ taps }) => {
      const seconds = PACKING_WAYS.map((way) => {
        let least = Infinity;
        for (let run = 0; run <= MEASURED_RUNS; run++) {
          const start = performance.now();
          for (const [tap, pre] of taps.entries()) this.packer.pack(tap, pre, { samples, way });
          if (run > 0) least = Math.min(least, performance.now() - start);
        }
        return least;
      });
      return PACKING_WAYS[seconds.indexOf(Math.min(...seconds))]!;
    });
  }

  dispose(): void {
    this.packer.dispose();
  }

  private tapName(tap: number): string {
    return this.parts.taps[tap]!.geometry.info.name;
  }

  private withForward<T>(values: Float32Array | Int32Array, use: (forward: Forward) => T): T {
    const { tf } = this.parts.runtime;
    const { net, taps } = this.parts;
    const { batchSamples, sampleShape, countAmbiguous } = this.options;
    return scoped(tf, () => {
      const dtype = net.input.dtype === 'int32' ? 'int32' : 'float32';
      const input = tf.tensor(values, [batchSamples, ...sampleShape], dtype);
      const forward = net.forward(input, {
        taps: taps.map(({ index }) => index),
        withScales: countAmbiguous,
      });
      try {
        return use(forward);
      } finally {
        tf.dispose([...forward.taps, forward.logits, ...(forward.scales ?? [])]);
      }
    });
  }

  private checkInput({ type, data, dims }: InputTensor): number {
    const { batchSamples, sampleShape } = this.options;
    const { input } = this.parts.net;
    const [samples = 0, ...rest] = dims;
    const fitsShape = rest.length === sampleShape.length && rest.every((size, i) => size === sampleShape[i]);
    const fitsCount = samples >= 1 && samples <= batchSamples && data.length >= samples * this.sampleValues;
    const fitsType = (type === 'int64' || type === 'int32') === (input.dtype === 'int32');
    if (fitsShape && fitsCount && fitsType) return samples;
    const wanted = `${input.dtype} [1..${batchSamples}, ${sampleShape.join(', ')}]`;
    throw new PipelineError({
      kind: 'shape-mismatch',
      what: `a batch of ${type} [${dims.join(', ')}] does not fit a model input of ${wanted}`,
      where: `input ${input.name}`,
      remedy: 'Check dataset.transform and model.file.',
    });
  }

  /** Values of the padded batch in the type of the model's input. */
  private pad({ data }: InputTensor, samples: number): Float32Array | Int32Array {
    const { staging } = this;
    const used = samples * this.sampleValues;
    if (data instanceof Float32Array && staging instanceof Float32Array && used === staging.length) {
      return data.subarray(0, used);
    }
    if (data instanceof BigInt64Array) {
      for (let i = 0; i < used; i++) staging[i] = Number(data[i]);
    } else {
      staging.set(data.subarray(0, used));
    }
    return staging.fill(0, used);
  }

  private logits(tensor: Tensor, samples: number): EncodedBatch['logits'] {
    if (tensor.dtype !== 'float32' || tensor.rank !== (this.parts.net.input.isText ? 3 : 2)) return null;
    const classes = tensor.shape.at(-1)!;
    const perSample = tensor.size / this.options.batchSamples;
    return { data: (this.parts.runtime.view(tensor) as Float32Array).slice(0, samples * perSample), classes };
  }

  private ambiguous(tap: number, pre: Tensor, scale: Tensor, samples: number): Uint32Array {
    const { tf, view } = this.parts.runtime;
    const { info, rowsPerSample, turn } = this.parts.taps[tap]!.geometry;
    return scoped(tf, () => {
      const flags = tf.cast(tf.less(tf.abs(pre), tf.mul(scale, AMBIGUOUS)), 'float32');
      // Only rows of positions need an order of axes; the count over a whole image does not.
      const turned =
        rowsPerSample > 1 && turn.kind === 'floats' ? tf.transpose(flags, [...turn.axes]) : flags;
      const counts = view(tf.sum(turned.reshape([-1, info.codeBits]), 1)) as Float32Array;
      return Uint32Array.from(counts.subarray(0, samples * rowsPerSample));
    });
  }
}
