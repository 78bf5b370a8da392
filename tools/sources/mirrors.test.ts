import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { findMirrors } from './mirrors.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-apt-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

test('findMirrors() puts the user before the host, the host before the public, and names none twice', async () => {
  mkdirSync(join(dir, 'sources.list.d'));
  writeFileSync(join(dir, 'sources.list'), 'deb http://host.example/debian trixie main\n');
  writeFileSync(join(dir, 'sources.list.d', 'security.sources'), 'URIs: http://host.example/debian-security\n');
  const mirrors = await findMirrors(
    { debian: ['http://user.example/debian/', 'http://user.example/debian-security', 'http://host.example/debian'] },
    dir,
  );
  expect(mirrors.debian.slice(0, 3)).toEqual([
    'http://user.example/debian',
    'http://host.example/debian',
    mirrors.debian[2],
  ]);
  expect(new Set(mirrors.debian).size).toBe(mirrors.debian.length);
  expect(mirrors.security).toEqual(['http://user.example/debian-security', 'http://host.example/debian-security']);
});

test('findMirrors() takes nothing from a host of another distribution', async () => {
  writeFileSync(
    join(dir, 'sources.list'),
    'deb http://archive.example/ubuntu noble main\ndeb http://x.example/repo stable main\n',
  );
  expect((await findMirrors({}, dir)).debian).toEqual((await findMirrors({}, join(dir, 'absent'))).debian);
});

test('findMirrors() finds public mirrors on a host without apt', async () => {
  const mirrors = await findMirrors({}, join(dir, 'absent'));
  expect(mirrors.debian.length).toBeGreaterThan(0);
  expect(mirrors.snapshot).toMatch(/^https:/);
});
