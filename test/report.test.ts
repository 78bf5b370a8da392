import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { expect, test } from 'vitest';

import { fixturePackage, RELEASE } from './rig/fixtures.ts';
import { Rig } from './rig/rig.ts';

/** What differs from one run to the next: times, and names made of keys or at random. */
function settle(text: string, rig: Rig): string {
  return text
    .replaceAll(rig.store, '<store>')
    .replaceAll(/\b[\d.]+ s\b/g, '<time>')
    .replaceAll(/\.[\da-f]{12}\.log/g, '.<key>.log')
    .replaceAll(/rpm-tmp\.\w+/g, 'rpm-tmp.<random>');
}

function withoutDone(stderr: string): string {
  return stderr.replaceAll(/^done .*\n/gm, '');
}

test('a build that fails says what, why, its last words, where they are written, and how to go there', async () => {
  await using rig = await Rig.create({
    ...RELEASE,
    ...fixturePackage('alpha', { build: 'echo "alpha.c:12: error: no such thing" >&2\nexit 7' }),
    ...fixturePackage('beta', { buildRequires: ['alpha'] }),
  });
  const { status, stdout, stderr } = await rig.make('build', '--package', 'beta');
  expect([status, stdout]).toEqual([1, '']);
  await expect(settle(withoutDone(stderr), rig)).toMatchFileSnapshot('golden/errors/failed-build.txt');
});

test('the shell that a failure offers is there, and the whole command heads the log', async () => {
  await using rig = await Rig.create({ ...RELEASE, ...fixturePackage('alpha', { build: 'exit 7' }) });
  const { stderr } = await rig.make('build', '--package', 'alpha');
  expect(stderr).toContain('  shell: npx tsx Makefile.ts -C <checkout> shell build/alpha.x86_64\n');
  expect((await rig.make('shell', 'build/alpha.x86_64')).status).toBe(0);
  const log = /log: (.*)/.exec(stderr)?.[1] ?? '';
  expect(readFileSync(log, 'utf8')).toMatch(/^\$ bash -euc '\n[^']*rpmbuild/);
});

test('a fetch that fails offers no shell, and never shows the password of its address', async () => {
  const server = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('expected a port');
  const url = `http://me:hunter2@127.0.0.1:${address.port}/alpha.tar`;
  const manifest = `sources:\n  - url: ${url}\n    sha512: ${'ab'.repeat(64)}\n`;
  const files = fixturePackage('alpha', { sources: ['alpha.tar'], manifest });
  await using rig = await Rig.create({ ...RELEASE, ...files });
  const { status, stderr } = await rig.make('build', '--package', 'alpha');
  server.close();
  expect(status).toBe(1);
  expect(stderr).toContain(
    'FAIL  Fetch alpha.tar\n<checkout>/packages/alpha/package.yaml:2:5: error: Cannot fetch "alpha.tar"',
  );
  expect(stderr).not.toMatch(/hunter2|shell:/);
});

test('several findings are told together, each at its place', async () => {
  const sources = ['missing.tar'];
  await using rig = await Rig.create({
    ...RELEASE,
    ...fixturePackage('alpha', { sources }),
    ...fixturePackage('beta', { sources }),
  });
  const { stderr } = await rig.make('build', '--package', 'alpha');
  await expect(withoutDone(stderr)).toMatchFileSnapshot('golden/errors/several.txt');
});

test('--json prints events and nothing else, in order, with failures in fields', async () => {
  await using rig = await Rig.create({ ...RELEASE, ...fixturePackage('alpha', { build: 'exit 7' }) });
  const events = await rig.events('build', '--package', 'alpha');
  const types = events
    .filter(
      ({ id, outcome }) => !String(id).startsWith('tool-root/') && !JSON.stringify(outcome ?? '').includes('fresh'),
    )
    .map(({ type }) => type)
    .filter((type) => !/^(?:task-line|estimate)$/.test(String(type)));
  const task = ['phase', 'task-started', 'task-ended', 'phase-ended'];
  expect(types).toEqual([...task, ...task, 'error']);
  expect(events.find(({ outcome }) => JSON.stringify(outcome ?? '').includes('failed'))).toMatchObject({
    id: 'build/alpha.x86_64',
    outcome: { error: { code: 'sandbox/command-failed' }, command: expect.stringContaining('rpmbuild') as unknown },
  });
});
