import { expect, test } from 'vitest';

import { contentId, contentSalt, contentUuid } from './identity.ts';

test('contentUuid() is a version 8 UUID and the same for the same content', () => {
  const uuid = contentUuid({ of: 'boot', from: ['a', 'b'] });
  expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(contentUuid({ of: 'boot', from: ['a', 'b'] })).toBe(uuid);
});

test('what is identified, each part of the content and where parts end all matter', () => {
  const uuids = [
    { of: 'boot', from: ['a', 'b'] },
    { of: 'root', from: ['a', 'b'] },
    { of: 'boot', from: ['a', 'c'] },
    { of: 'boot', from: ['ab'] },
  ].map(contentUuid);
  expect(new Set(uuids).size).toBe(uuids.length);
});

test('contentSalt() is 32 bytes, contentId() 4', () => {
  expect(contentSalt({ of: 'salt', from: [] })).toMatch(/^[0-9a-f]{64}$/);
  expect(contentId({ of: 'volume', from: [] })).toMatch(/^[0-9a-f]{8}$/);
});
