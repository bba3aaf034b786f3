// kafkajs's own protocol code, used as an oracle.

declare module 'kafkajs/src/utils/long.js' {
  const Long: { fromInt(value: number): unknown };
  export default Long;
}
declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    constructor(bytes: Buffer);
  }
}
declare module 'kafkajs/src/protocol/recordBatch/crc32C/index.js' {
  export default function crc32C(bytes: Buffer): number;
}
declare module 'kafkajs/src/protocol/recordBatch/record/v0/index.js' {
  export default function Record(record: Readonly<{ [field: string]: unknown }>): unknown;
}
declare module 'kafkajs/src/protocol/recordBatch/v0/index.js' {
  const module: {
    RecordBatch(batch: Readonly<{ [field: string]: unknown }>): Promise<{ readonly buffer: Buffer }>;
  };
  export default module;
}
declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  export default function decode(decoder: unknown): Promise<{
    readonly lastOffsetDelta: number;
    readonly maxTimestamp: string;
    readonly records: readonly {
      readonly offset: string;
      readonly key: Buffer;
      readonly value: Buffer;
      readonly headers: Readonly<{ [name: string]: Buffer }>;
    }[];
  }>;
}
