// What a vocabulary entry stands for in the text, read off the tokenizer's decoder.

import { z } from 'zod';

/** Decoders nest: `Sequence` holds a list. */
interface Decoder {
  readonly type: string;
  readonly decoders?: readonly Decoder[] | undefined;
  readonly replacement?: string | undefined;
  readonly prefix?: string | undefined;
}

const decoderSchema: z.ZodType<Decoder> = z.lazy(() =>
  z.object({
    type: z.string(),
    decoders: z.array(decoderSchema).optional(),
    replacement: z.string().optional(),
    prefix: z.string().optional(),
  }),
);

/**
 * Bytes of a vocabulary entry, for byte-level BPE, Metaspace (SentencePiece, with byte fallback) and
 * WordPiece.
 */
export function tokenBytes({ decoder }: { readonly decoder?: unknown }): (token: string) => Uint8Array {
  const parsed = decoderSchema.safeParse(decoder);
  const steps = parsed.success ? flatten(parsed.data) : [];
  if (steps.some(({ type }) => type === 'ByteLevel')) return byteLevelBytes(byteOfCharacter());
  const wordPiece = steps.find(({ type }) => type === 'WordPiece');
  if (wordPiece !== undefined) return (token) => wordPieceBytes(token, wordPiece.prefix ?? '##');
  const space = steps.find(({ type }) => type === 'Metaspace')?.replacement ?? '\u2581';
  return (token) => {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    return byte === undefined
      ? Buffer.from(token.replaceAll(space, ' '))
      : Uint8Array.of(Number.parseInt(byte, 16));
  };
}

function flatten(decoder: Decoder): Decoder[] {
  return [decoder, ...(decoder.decoders ?? []).flatMap(flatten)];
}

function wordPieceBytes(token: string, prefix: string): Uint8Array {
  return Buffer.from(token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`);
}

/** Special tokens are not spelled in byte characters: they stay as they are. */
function byteLevelBytes(bytes: ReadonlyMap<string, number>): (token: string) => Uint8Array {
  return (token) => {
    const found = [...token].map((character) => bytes.get(character));
    return found.includes(undefined) ? Buffer.from(token) : Uint8Array.from(found as number[]);
  };
}

/**
 * GPT-2's spelling of bytes: printable ones as themselves, the others as characters from U+0100 on.
 * @see https://github.com/openai/gpt-2/blob/master/src/encoder.py (bytes_to_unicode)
 */
function byteOfCharacter(): Map<string, number> {
  const bytes = new Map<string, number>();
  let shifted = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    bytes.set(String.fromCharCode(printable ? byte : shifted++), byte);
  }
  return bytes;
}
