import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { readMembers } from './ar.ts';
import { makeAr, makeDeb } from './deb-fixture.ts';
import type { TarEntry } from './deb-fixture.ts';
import { unpackDeb } from './deb.ts';

let dir: string;
let out: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-deb-'));
  out = join(dir, 'out');
  mkdirSync(out);
});

afterEach(() => rmSync(dir, { recursive: true }));

function write(bytes: Buffer): string {
  const path = join(dir, 'x.deb');
  writeFileSync(path, bytes);
  return path;
}

describe('readMembers()', () => {
  test('finds members of odd length', async () => {
    const path = write(makeAr({ one: Buffer.from('abc'), two: Buffer.from('de'), 'three/': Buffer.from('') }));
    const members = await readMembers(path);
    expect(members.map(({ name, size }) => [name, size])).toEqual([
      ['one', 3],
      ['two', 2],
      ['three', 0],
    ]);
    const [, two] = members;
    expect(readFileSync(path).toString('latin1', two?.offset, (two?.offset ?? 0) + 2)).toBe('de');
  });

  test.each([
    ['what is no archive', Buffer.from('<!DOCTYPE html>'), 'expected an ar archive'],
    ['an empty file', Buffer.alloc(0), 'expected an ar archive'],
    [
      'an archive that was cut off',
      makeAr({ one: Buffer.from('abcdef') }).subarray(0, 70),
      'expected 74 bytes, got 70',
    ],
    [
      'rubbish where a header should be',
      Buffer.concat([makeAr({}), Buffer.alloc(60, 'x')]),
      'expected the header of a member at byte 8',
    ],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(readMembers(write(bytes))).rejects.toThrow(message);
  });
});

describe('unpackDeb()', () => {
  test.each(['', '.gz', '.zst'] as const)('unpacks programs and top-level links from data.tar%s', async (suffix) => {
    const entries: TarEntry[] = [
      { path: './', type: 'Directory' },
      { path: './bin', type: 'SymbolicLink', target: 'usr/bin' },
      { path: './usr/', type: 'Directory' },
      { path: './usr/bin/', type: 'Directory' },
      { path: './usr/bin/tool', content: 'a program' },
      { path: './usr/share/doc/tool', content: 'what nobody reads' },
      { path: './etc/tool.conf', content: 'what nobody asks' },
    ];
    await unpackDeb(write(makeDeb(entries, suffix)), out);
    expect(readFileSync(join(out, 'bin/tool'), 'utf8')).toBe('a program');
    expect(readlinkSync(join(out, 'bin'))).toBe('usr/bin');
    expect(readdirSync(out).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['bin', 'usr']);
    expect(readdirSync(join(out, 'usr'))).toEqual(['bin']);
  });

  test.each<[string, TarEntry[]]>([
    ['a path with ".."', [{ path: './usr/../../escaped', content: 'x' }]],
    ['an absolute path', [{ path: '/usr/escaped', content: 'x' }]],
    [
      'a path through a link that leads out',
      [
        { path: './usr/way', type: 'SymbolicLink', target: '../..' },
        { path: './usr/way/escaped', content: 'x' },
      ],
    ],
    ['a hard link to what is outside', [{ path: './usr/link', type: 'Link', target: '../../x.deb' }]],
  ])('refuses %s', async (_, entries) => {
    await expect(unpackDeb(write(makeDeb(entries)), out)).rejects.toMatchObject({ code: 'sdk/unsafe-package' });
    expect(existsSync(join(dir, 'escaped'))).toBe(false);
    expect(existsSync('/usr/escaped')).toBe(false);
  });

  test('refuses a package without contents', async () => {
    await expect(unpackDeb(write(makeAr({ 'debian-binary': Buffer.from('2.0\n') })), out)).rejects.toThrow(
      'expected a member named data.tar',
    );
  });

  test('refuses a compression it does not know', async () => {
    await expect(unpackDeb(write(makeAr({ 'data.tar.lzma': Buffer.from('x') })), out)).rejects.toMatchObject({
      code: 'sdk/not-a-package',
    });
  });
});
