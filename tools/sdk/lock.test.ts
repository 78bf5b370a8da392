import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { lockFile, readDefinition, TOOL_ROOTS } from './definition.ts';
import { HOSTS } from './host.ts';
import { lockSchema, printLock } from './lock.ts';
import { requestOf, requestSchema } from './request.ts';
import { lockOf, parseSolution } from './solution.ts';

const DIGEST = 'ab'.repeat(32);
const SOLUTION = `Reading package lists...
'http://host.example/debian/pool/main/z/zlib/zlib1g_1.3.dfsg%2breally1.3.1-1_amd64.deb' zlib1g_1%3a1.3.dfsg+really1.3.1-1_amd64.deb 88720 SHA256:${DIGEST}
'http://host.example/debian-security/pool/updates/main/b/bash/bash_5.2-1_amd64.deb' bash_5.2-1_amd64.deb 12 SHA256:${DIGEST}
`;

test('parseSolution() reads names, epochs and both archives', () => {
  expect(parseSolution(SOLUTION)).toEqual([
    {
      name: 'zlib1g',
      version: '1:1.3.dfsg+really1.3.1-1',
      arch: 'amd64',
      path: 'pool/main/z/zlib/zlib1g_1.3.dfsg+really1.3.1-1_amd64.deb',
      size: 88720,
      sha256: DIGEST,
    },
    {
      name: 'bash',
      version: '5.2-1',
      arch: 'amd64',
      path: 'pool/updates/main/b/bash/bash_5.2-1_amd64.deb',
      size: 12,
      sha256: DIGEST,
    },
  ]);
});

test('parseSolution() refuses a weaker digest', () => {
  expect(() => parseSolution(SOLUTION.replaceAll('SHA256', 'MD5Sum'))).toThrow('Expected a package with its SHA-256');
});

test('printLock() is read back as it was, one line per package, whatever their order was', () => {
  const request = requestOf(requestSchema.parse({ suite: 'trixie', packages: ['zlib1g', 'bash'] }), 'amd64');
  const packages = parseSolution(SOLUTION);
  const now = new Date('2026-01-31T12:34:56.789Z');
  const text = printLock(lockOf(request, packages, now));
  expect(printLock(lockOf(request, packages.toReversed(), now))).toBe(text);
  expect(lockSchema.parse(parse(text)).packages).toEqual(packages.toReversed());
  expect(printLock(lockSchema.parse(parse(text)))).toBe(text);
  expect(text).toMatchInlineSnapshot(`
    "# Written by \`sdk update\`. Change the request beside it instead.

    suite: trixie
    asked:
      - bash
      - zlib1g
    date: 20260201T003456Z
    packages:
      - { name: bash, version: 5.2-1, arch: amd64, path: pool/updates/main/b/bash/bash_5.2-1_amd64.deb, size: 12, sha256: abababababababababababababababababababababababababababababababab }
      - { name: zlib1g, version: 1:1.3.dfsg+really1.3.1-1, arch: amd64, path: pool/main/z/zlib/zlib1g_1.3.dfsg+really1.3.1-1_amd64.deb, size: 88720, sha256: abababababababababababababababababababababababababababababababab }
    "
  `);
});

const ROOTS = TOOL_ROOTS.flatMap((name) => HOSTS.map((host) => ({ name, host })));

describe.each(ROOTS)('the tool root "$name" of $host', (root) => {
  test('has a lock that answers its request, written as sdk update writes it', () => {
    const { lock } = readDefinition(root);
    expect(printLock(lock)).toBe(readFileSync(lockFile(root), 'utf8'));
  });

  test('has what unpacks it', () => {
    const names = readDefinition(root).lock.packages.map((locked) => locked.name);
    expect(names).toEqual(expect.arrayContaining(['base-files', 'bash', 'bubblewrap', 'coreutils', 'dpkg', 'tar']));
  });

  test('names no package twice', () => {
    const names = readDefinition(root).lock.packages.map((locked) => locked.name);
    expect(new Set(names).size).toBe(names.length);
  });
});
