import { describe, expect, it } from 'vitest';
import { tokenBytes } from '../../../infra/datasets/token-bytes.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

describe('token text', () => {
  it('spells byte-level tokens as bytes and leaves special ones alone', () => {
    const bytes = tokenBytes({ decoder: { type: 'ByteLevel' } });
    expect(text(bytes('\u0120the'))).toBe(' the');
    expect(text(bytes('\u010a'))).toBe('\n');
    expect([...bytes('\u00c3')]).toEqual([0xc3]);
    expect(text(bytes('<|endoftext|>'))).toBe('<|endoftext|>');
    expect(text(bytes('\u6f22'))).toBe('\u6f22');
  });

  it('spells SentencePiece tokens with spaces and single bytes', () => {
    const decoder = {
      type: 'Sequence',
      decoders: [{ type: 'Replace' }, { type: 'ByteFallback' }, { type: 'Fuse' }],
    };
    const bytes = tokenBytes({ decoder });
    expect(text(bytes('\u2581the'))).toBe(' the');
    expect([...bytes('<0xE2>')]).toEqual([0xe2]);
  });

  it('joins WordPiece continuations', () => {
    const bytes = tokenBytes({ decoder: { type: 'WordPiece', prefix: '##' } });
    expect(['play', '##ing'].map((token) => text(bytes(token))).join('')).toBe(' playing');
  });
});
