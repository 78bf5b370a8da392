import { describe, expect, test } from 'vitest';

import { diffKeys, hashKey, printKey } from './fingerprint.ts';

describe('printKey()', () => {
  test('sorts names and leaves absent fields out, at any depth', () => {
    expect(printKey({ b: 1, a: [{ d: null, c: undefined }] })).toBe('{"a":[{"d":null}],"b":1}');
  });

  test('sorts by code unit, whatever the locale', () => {
    expect(printKey({ ä: 1, Z: 2, a: 3 })).toBe('{"Z":2,"a":3,"ä":1}');
  });
});

test('keys that differ in nothing but the order of names are equal', () => {
  expect(hashKey(printKey({ a: 1, b: 2 }))).toBe(hashKey(printKey({ b: 2, a: 1 })));
});

describe('diffKeys()', () => {
  test('names the changed field with both values', () => {
    expect(diffKeys({ env: { CFLAGS: '-O1', LANG: 'C' } }, { env: { CFLAGS: '-O2', LANG: 'C' } })).toEqual([
      { field: 'env.CFLAGS', before: '-O1', after: '-O2' },
    ]);
  });

  test('an inserted argument is one difference', () => {
    expect(diffKeys({ argv: ['make', 'all'] }, { argv: ['make', '-s', 'all'] })).toEqual([
      { field: 'argv[1]', before: undefined, after: '-s' },
    ]);
  });

  test('a removed field is there before and not after', () => {
    expect(diffKeys({ a: 1, b: null }, { a: 1 })).toEqual([{ field: 'b', before: null, after: undefined }]);
  });

  test('a digest changes as one', () => {
    const before = { hash: 'aa', size: 1 };
    const after = { hash: 'bb', size: 2 };
    expect(diffKeys({ x: before }, { x: after })).toEqual([{ field: 'x', before, after }]);
  });

  test('equal documents have no differences', () => {
    expect(diffKeys({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toEqual([]);
  });
});
