import { describe, expect, it } from 'vitest';
import { diskFull } from '../../../infra/local/disk-room.ts';

describe('room for a local service', () => {
  it('is there while the disk has as many bytes free as are asked for', async () => {
    expect(await diskFull('/', { title: 'Kafka', leastBytes: 1 })).toBeNull();
  });

  it('is missed with the folder, what is free and what the service said', async () => {
    const asked = { title: 'Kafka', leastBytes: Number.POSITIVE_INFINITY, value: 'died of it' };
    expect((await diskFull('/', asked))!.fault).toMatchObject({
      kind: 'disk-full',
      where: '/',
      what: 'no space left for the local Kafka',
      value: expect.stringMatching(/^\d+[.]\d MB free; died of it$/),
    });
  });

  it('is not judged where the file system says nothing of its size, or is not there', async () => {
    const asked = { title: 'Kafka', leastBytes: Number.POSITIVE_INFINITY };
    for (const folder of ['/proc', '/no/such/folder']) expect(await diskFull(folder, asked)).toBeNull();
  });
});
