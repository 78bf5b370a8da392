import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createWebServer } from 'node:http';
import { createServer } from 'node:net';

import { expect, test } from 'vitest';

import { fixturePackage, RELEASE } from './rig/fixtures.ts';
import { CHECKOUT, Rig } from './rig/rig.ts';

/** Ids of the tasks that a run built, in the order they ended. */
async function built(rig: Rig, ...argv: readonly string[]): Promise<readonly unknown[]> {
  const events = await rig.events(...argv);
  return events
    .filter((event) => event['type'] === 'task-ended' && JSON.stringify(event['outcome']).includes('"built"'))
    .map((event) => event['id'])
    .filter((id) => !String(id).startsWith('tool-root/'));
}

const twoPackages = () => ({
  ...RELEASE,
  ...fixturePackage('alpha'),
  ...fixturePackage('beta', { buildRequires: ['alpha'], build: 'cat %{_datadir}/alpha' }),
});

test('a package is built after what it is built with, and a second build has nothing to do', async () => {
  await using rig = await Rig.create(twoPackages());
  expect(await built(rig, 'build', '--package', 'beta')).toEqual([
    expect.stringMatching(/^spec\//),
    expect.stringMatching(/^spec\//),
    'build/alpha.x86_64',
    'unpack/slipway-alpha.x86_64',
    'build/beta.x86_64',
  ]);
  expect(await built(rig, 'build', '--package', 'beta')).toEqual([]);
});

test('a change that leaves the same RPM stops there', async () => {
  await using rig = await Rig.create({ ...twoPackages(), 'packages/alpha/note.txt': 'one' });
  await built(rig, 'build', '--package', 'beta');
  await rig.write({ 'packages/alpha/note.txt': 'two' });
  expect(await built(rig, 'build', '--package', 'beta')).toEqual(['build/alpha.x86_64']);
});

test('explain names the one file that changed', async () => {
  await using rig = await Rig.create({ ...twoPackages(), 'packages/alpha/note.txt': 'one' });
  await built(rig, 'build', '--package', 'alpha');
  await rig.write({ 'packages/alpha/note.txt': 'two' });
  const { stdout } = await rig.make('explain', 'build/alpha.x86_64');
  expect(stdout).toContain('changed: inputs./slipway/sources/note.txt');
});

test('what is not declared is not there', async () => {
  await using rig = await Rig.create({
    ...RELEASE,
    ...fixturePackage('alpha'),
    ...fixturePackage('beta', { build: 'cat %{_datadir}/alpha' }),
  });
  const { status, stderr } = await rig.make('build', '--package', 'beta');
  expect(status).toBe(1);
  expect(stderr).toContain('share/alpha: No such file or directory');
  expect(stderr).toContain('shell build/beta.x86_64');
});

test('a build cannot reach even a server of its own host', async () => {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('expected a port');
  const connect = `python3 -c "import socket; socket.create_connection(('127.0.0.1', ${address.port}), 5)"`;
  await using rig = await Rig.create({ ...RELEASE, ...fixturePackage('alpha', { build: connect }) });
  const { status, stderr } = await rig.make('build', '--package', 'alpha');
  server.close();
  expect(status).toBe(1);
  expect(stderr).toContain('ConnectionRefusedError');
});

test('two packages may pin files of one name that are not the same', async () => {
  const server = createWebServer(({ url }, response) => response.end(url)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('expected a port');
  const pinned = (name: string, buildRequires: readonly string[] = []) => {
    const path = `/${name}/v1.0.tar`;
    const sha512 = createHash('sha512').update(path).digest('hex');
    const manifest = `sources:\n  - url: http://127.0.0.1:${address.port}${path}\n    sha512: ${sha512}\n`;
    const options = { sources: ['v1.0.tar'], manifest, build: `grep -qx ${path} %{SOURCE0}`, buildRequires };
    return fixturePackage(name, options);
  };
  await using rig = await Rig.create({ ...RELEASE, ...pinned('alpha'), ...pinned('beta', ['alpha']) });
  const { status } = await rig.make('build', '--package', 'beta');
  server.close();
  expect(status).toBe(0);
  expect((await rig.make('shell', 'build/alpha.x86_64')).status).toBe(0);
});

test("every task of this checkout has a name of its own: one of any package's can be explained", async () => {
  await using rig = await Rig.create({});
  const { status, stdout } = await rig.make('-C', CHECKOUT, 'explain', 'build/glibc.x86_64');
  expect(status).toBe(0);
  expect(stdout).toContain('build/glibc.x86_64');
});

test('a failed build is never stored: it runs again', async () => {
  await using rig = await Rig.create({ ...RELEASE, ...fixturePackage('alpha', { build: 'exit 7' }) });
  expect((await rig.make('build', '--package', 'alpha')).status).toBe(1);
  const again = await rig.make('build', '--package', 'alpha');
  expect(again.status).toBe(1);
  expect(again.stderr).toContain('FAIL  Build alpha');
});

test('a spec that is for no architecture is an error at its line; a subpackage may be', async () => {
  await using rig = await Rig.create({ ...RELEASE, ...fixturePackage('alpha', { tags: ['BuildArch: noarch'] }) });
  const { status, stderr } = await rig.make('build', '--package', 'alpha');
  expect(status).toBe(1);
  expect(stderr).toContain('packages/alpha/alpha.spec:7:1: error: Cannot build package "alpha" as noarch');
  const subpackage = ['', '%package data', 'Summary: Data', 'BuildArch: noarch', '%description data', '%{summary}.'];
  await rig.write(
    fixturePackage('alpha', {
      tags: subpackage,
      files: ['%files data', '%{_prefix}/lib/data'],
      install: 'install -D /dev/null %{buildroot}%{_prefix}/lib/data',
    }),
  );
  const done = await rig.make('build', '--package', 'alpha');
  expect(done.stdout).toContain('slipway-alpha-data-1.0-1.noarch.rpm');
});

test.for([
  {
    name: 'unknown-package',
    files: fixturePackage('alpha', { buildRequires: ['alhpa-devel'] }),
  },
  {
    name: 'cycle',
    files: {
      ...fixturePackage('alpha', { buildRequires: ['beta'] }),
      ...fixturePackage('beta', { buildRequires: ['alpha'] }),
    },
  },
  {
    name: 'two-providers',
    files: {
      ...fixturePackage('alpha', { buildRequires: ['tool'] }),
      ...fixturePackage('beta', { provides: ['slipway-tool'] }),
      ...fixturePackage('gamma', { provides: ['slipway-tool'] }),
    },
  },
  { name: 'unpinned-source', files: fixturePackage('alpha', { sources: ['alpha-1.0.tar.gz'] }) },
])('$name is named with the whole way to it', async ({ name, files }) => {
  await using rig = await Rig.create({ ...RELEASE, ...files });
  const { status, stderr } = await rig.make('build', '--package', 'alpha');
  expect(status).toBe(1);
  const error = stderr
    .split('\n')
    .filter((line) => !line.startsWith('done '))
    .join('\n');
  await expect(error).toMatchFileSnapshot(`golden/errors/${name}.txt`);
});

test('a spec that does not parse is an error at its line', async () => {
  const files = fixturePackage('alpha');
  const spec = 'packages/alpha/alpha.spec';
  await using rig = await Rig.create({
    ...RELEASE,
    ...files,
    [spec]: String(files[spec]).replace('Release: 1', 'Relaese: 1'),
  });
  const { status, stderr } = await rig.make('build', '--package', 'alpha');
  expect(status).toBe(1);
  expect(stderr).toContain(
    'packages/alpha/alpha.spec:4:1: error: Cannot read spec "alpha.spec": Unknown tag: Relaese: 1',
  );
});
