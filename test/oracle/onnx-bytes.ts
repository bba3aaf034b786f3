// ONNX files edited and written as bare protobuf bytes: an oracle must not use the product's own rewriting.

/** A field of wire type 2: a string, bytes or a message. */
function chunk(field: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content as Uint8Array);
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

const MODEL = { irVersion: 1, graph: 7, opsetImport: 8 } as const;
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;
const FLOAT = 1;

/** The model with further graph outputs: tensors that it computes anyway. */
export function withOutputs(model: Uint8Array, names: readonly string[]): Uint8Array {
  const outputs = names.map((name) => chunk(GRAPH.output, chunk(1, name)));
  const parts = topFields(model).map(({ field, whole, content }) =>
    field === MODEL.graph ? chunk(MODEL.graph, Buffer.concat([content, ...outputs])) : whole,
  );
  return Buffer.concat(parts);
}

/** `y = x W` for 784 inputs and 10 outputs, and nothing else: a valid model without a single activation. */
export function linearModel(): Uint8Array {
  return modelOf([
    node('MatMul', ['x', 'w'], 'y'),
    chunk(GRAPH.name, 'linear'),
    weights('w', new Float32Array(784 * 10).fill(0.01), [784, 10]),
    chunk(GRAPH.input, valueInfo('x', 784)),
    chunk(GRAPH.output, valueInfo('y', 10)),
  ]);
}

function node(type: string, inputs: readonly string[], output: string): Buffer {
  const names = inputs.map((name) => chunk(1, name));
  return chunk(GRAPH.node, Buffer.concat([...names, chunk(2, output), chunk(4, type)]));
}

function weights(name: string, values: Float32Array, dims: readonly number[]): Buffer {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const fields = [...dims.map((dim) => number(1, dim)), number(2, FLOAT), chunk(8, name), chunk(9, bytes)];
  return chunk(GRAPH.initializer, Buffer.concat(fields));
}

/** @param graph - fields of the graph. */
function modelOf(graph: readonly Buffer[]): Uint8Array {
  const opset = chunk(MODEL.opsetImport, Buffer.concat([chunk(1, ''), number(2, 17)]));
  return Buffer.concat([number(MODEL.irVersion, 8), chunk(MODEL.graph, Buffer.concat(graph)), opset]);
}

/** A float tensor `[n, width]` with a free first dimension. */
function valueInfo(name: string, width: number): Buffer {
  const shape = Buffer.concat([chunk(1, chunk(2, 'n')), chunk(1, number(1, width))]);
  const tensor = Buffer.concat([number(1, FLOAT), chunk(2, shape)]);
  return Buffer.concat([chunk(1, name), chunk(2, chunk(1, tensor))]);
}

/** The fields of the outermost message; `content` is the payload of chunks. */
function topFields(bytes: Uint8Array): { field: number; whole: Uint8Array; content: Uint8Array }[] {
  const fields: { field: number; whole: Uint8Array; content: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const tag = readVarint(bytes, at);
    const head = readVarint(bytes, tag.next);
    at = (tag.value & 7) === 2 ? head.next + head.value : head.next;
    const content = bytes.subarray(head.next, at);
    fields.push({ field: tag.value >> 3, whole: bytes.subarray(start, at), content });
  }
  return fields;
}

function readVarint(bytes: Uint8Array, from: number): { value: number; next: number } {
  let value = 0;
  let next = from;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[next++]!;
    value += (byte & 127) * factor;
    if (byte < 128) return { value, next };
  }
}

/** A layer `x W + b`; a ReLU is behind each but the last. */
export interface PlainLayer {
  /** `[inputs, outputs]`. */
  readonly weight: Float32Array;
  /** `[outputs]`. */
  readonly bias: Float32Array;
}

/** A model of such layers, whose pre-activations are named p0, p1, ... */
export function layeredModel(layers: readonly PlainLayer[]): Uint8Array {
  const parts = layers.flatMap(({ weight, bias }, i) => {
    const inputs = weight.length / bias.length;
    return [
      node('MatMul', [i === 0 ? 'x' : `h${i - 1}`, `w${i}`], `m${i}`),
      node('Add', [`m${i}`, `b${i}`], `p${i}`),
      ...(i === layers.length - 1 ? [] : [node('Relu', [`p${i}`], `h${i}`)]),
      weights(`w${i}`, weight, [inputs, bias.length]),
      weights(`b${i}`, bias, [bias.length]),
    ];
  });
  const [first, last] = [layers[0]!, layers.at(-1)!];
  return modelOf([
    ...parts,
    chunk(GRAPH.name, 'layers'),
    chunk(GRAPH.input, valueInfo('x', first.weight.length / first.bias.length)),
    chunk(GRAPH.output, valueInfo(`p${layers.length - 1}`, last.bias.length)),
  ]);
}
