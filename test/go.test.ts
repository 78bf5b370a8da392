import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest';

import { status } from '../tools/sources/unruly-server.ts';
import { fixturePackage, RELEASE } from './rig/fixtures.ts';
import type { Files } from './rig/fixtures.ts';
import { GO, GoProxy, prepareGo } from './rig/go-proxy.ts';
import { Rig } from './rig/rig.ts';
import type { Finished } from './rig/rig.ts';

const GREET_MOD = 'module example.test/greet\n\ngo 1.20\n';
const GREET = { 'go.mod': GREET_MOD, LICENSE: 'Free.\n', 'greet.go': 'package greet\n\nconst Word = "hello"\n' };
const HELLO: Files = {
  'go.mod': 'module example.test/hello\n\ngo 1.20\n\nrequire example.test/greet v1.1.0\n',
  'cmd/hello/main.go':
    'package main\n\nimport "example.test/greet"\n\nvar version = "unknown"\n\nfunc main() { println(greet.Word, version) }\n',
};

const SPEC_BUILD = [
  'tar -xf %{_sourcedir}/hello-1.0.0.tar',
  'cd hello-1.0.0',
  '%set_go_flags',
  '%go_build -x main.version=1.0.0 -o hello example.test/hello/cmd/hello',
].join('\n');
const SPEC_INSTALL = [
  'cd hello-1.0.0',
  'install -D -m 0755 hello %{buildroot}%{_bindir}/hello',
  '%go_licenses hello',
].join('\n');

interface Wanted {
  readonly version?: string;
  readonly packages?: string;
  readonly toolchain?: string;
  readonly pins?: string;
  readonly sha512?: string;
}

/** A package with a Go program; each has a toolchain and a spec of its own. */
function helloPackage(wanted: Wanted = {}): Files {
  const { version = 'v1.0.0', packages = '[cmd/hello]', toolchain = GO, pins, sha512 } = wanted;
  const manifest = [
    '# The greeter.',
    'sources:',
    '  - go:',
    '      module: example.test/hello',
    `      version: ${version} # the newest`,
    `      packages: ${packages}`,
    `      toolchain: ${toolchain}`,
    ...(pins === undefined ? [] : [`      pins: ${pins}`]),
    ...(sha512 === undefined ? [] : [`    sha512: ${sha512}`]),
    'build: { cores: 1 }',
    '',
  ].join('\n');
  return {
    ...RELEASE,
    ...fixturePackage('hello', {
      manifest,
      sources: [`hello-${version.slice(1)}.tar`],
      build: SPEC_BUILD,
      install: SPEC_INSTALL,
      files: ['%{_bindir}/hello'],
    }),
  };
}

let proxy: GoProxy;
let rig: Rig;

async function make(...argv: readonly string[]): Promise<Finished> {
  return await rig.makeWith({ env: proxy.env }, ...argv);
}

async function packageYaml(): Promise<string> {
  return await readFile(join(rig.dir, 'packages/hello/package.yaml'), 'utf8');
}

beforeAll(prepareGo, 600_000);

beforeEach(async () => {
  proxy = await GoProxy.start();
  proxy.serve('example.test/greet', 'v1.1.0', { files: GREET });
  proxy.serve('example.test/hello', 'v1.0.0', { files: HELLO });
  rig = await Rig.create(helloPackage());
});

afterEach(async () => {
  await rig[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

describe('sources update', () => {
  test('pins a program, and touches nothing else of its package.yaml', async () => {
    const before = await packageYaml();
    const { stdout, stderr } = await make('sources', 'update', '--package', 'hello');
    expect(stdout + stderr).toContain('packages/hello: hello-1.0.0');
    const after = await packageYaml();
    expect(after).toMatch(/^ {4}sha512: [0-9a-f]{128}$/m);
    expect(after.replace(/ {4}sha512: .*\n/, '')).toBe(before);
  });

  test('comes to the same bytes again, and changes a digest in its place', async () => {
    await make('sources', 'update');
    const pinned = await packageYaml();
    const again = await make('sources', 'update');
    expect(again.stdout).toContain('is as it was');
    expect(await packageYaml()).toBe(pinned);
    await rig.write({
      'packages/hello/package.yaml': pinned.replace(/sha512: .*/, `sha512: ${'ab'.repeat(64)} # kept`),
    });
    await make('sources', 'update');
    expect(await packageYaml()).toBe(pinned.replace(/(sha512: .*)/, '$1 # kept'));
  });

  test('tries again when the network fails', async () => {
    proxy.serve('example.test/greet', 'v1.1.0', { files: GREET, before: [status(503)] });
    const { status: exit } = await make('sources', 'update');
    expect(exit).toBe(0);
  });
});

test('a pin goes before the version that the program itself replaces a module by', async () => {
  const replacing = `${HELLO['go.mod']}\nreplace example.test/greet => example.test/greet v1.1.0\n`;
  proxy.serve('example.test/hello', 'v1.0.0', { files: { ...HELLO, 'go.mod': replacing } });
  proxy.serve('example.test/greet', 'v1.2.0', {
    files: { ...GREET, 'greet.go': 'package greet\n\nconst Word = "hi"\n' },
  });
  await rig.write(helloPackage({ pins: '{ example.test/greet: v1.2.0 }' }));
  await make('sources', 'update');
  const spec = join(rig.dir, 'packages/hello/hello.spec');
  const build = `grep -q '"hi"' vendor/example.test/greet/greet.go\n%set_go_flags`;
  await rig.write({ 'packages/hello/hello.spec': (await readFile(spec, 'utf8')).replace('%set_go_flags', build) });
  expect(await make('build', '--package', 'hello', '--offline')).toMatchObject({ status: 0 });
}, 300_000);

test('a pinned program is built without network, for another architecture too, with the licences of its modules', async () => {
  await make('sources', 'update');
  const built = await make('build', '--package', 'hello', '--arch', 'aarch64', '--offline');
  expect(built.stderr).not.toContain('error');
  expect(built.stdout).toContain('slipway-hello-1.0-1.aarch64.rpm');
  await rig.write(
    fixturePackage('reader', {
      buildRequires: ['hello'],
      build: [
        'readelf -h %{_bindir}/hello | grep -i aarch64',
        'grep Free %{_defaultlicensedir}/hello/vendor/example.test/greet/LICENSE',
      ].join('\n'),
    }),
  );
  const read = await make('build', '--package', 'reader', '--arch', 'aarch64', '--offline');
  expect(read.stderr).not.toContain('error');
}, 300_000);

/** What went wrong, without how far it got before. */
function complaint({ stdout, stderr }: Finished): string {
  return (stdout + stderr)
    .split('\n')
    .filter((line) => !/^(?:done|skip|\[|FAIL| {2}(?:log|\|))/.test(line))
    .join('\n')
    .replaceAll(/127\.0\.0\.1:\d+/g, '<proxy>')
    .replaceAll(/\b[0-9a-f]{128}\b/g, (digest) => (digest === 'ab'.repeat(64) ? '<pinned>' : '<found>'));
}

test.for<{ name: string; wanted: Wanted; verb: readonly string[] }>([
  { name: 'go-not-pinned', wanted: {}, verb: ['build', '--package', 'hello'] },
  { name: 'go-other-bundle', wanted: { sha512: 'ab'.repeat(64) }, verb: ['build', '--package', 'hello'] },
  { name: 'go-not-served', wanted: { version: 'v1.0.9' }, verb: ['sources', 'update'] },
  { name: 'go-no-package', wanted: { packages: '[cmd/hullo]' }, verb: ['sources', 'update'] },
  { name: 'go-no-toolchain', wanted: { toolchain: '1.99.0' }, verb: ['sources', 'update'] },
  {
    name: 'go-replaced-pin',
    wanted: { version: 'v1.0.1', pins: '{ example.test/greet: v1.2.0 }' },
    verb: ['sources', 'update'],
  },
  { name: 'go-bad-pin', wanted: { pins: '{ example.test/greet: v1.0.5 }' }, verb: ['sources', 'update'] },
])('$name is located, with the way out', async ({ name, wanted, verb }) => {
  proxy.serve('example.test/greet', 'v1.0.5', { files: GREET });
  proxy.serve('example.test/greet', 'v1.2.0', { files: GREET });
  const replacing = `${HELLO['go.mod']}\nreplace example.test/greet v1.2.0 => example.test/greet v1.1.0\n`;
  proxy.serve('example.test/hello', 'v1.0.1', { files: { ...HELLO, 'go.mod': replacing } });
  await rig.write(helloPackage(wanted));
  const finished = await make(...verb);
  expect(finished.status).toBe(1);
  await expect(complaint(finished)).toMatchFileSnapshot(`golden/errors/${name}.txt`);
});

test('a module that hashes otherwise than the go.sum of its program says is refused', async () => {
  const hash = `h1:${Buffer.alloc(32).toString('base64')}`;
  proxy.serve('example.test/hello', 'v1.0.0', {
    files: { ...HELLO, 'go.sum': `example.test/greet v1.1.0 ${hash}\n` },
  });
  const finished = await make('sources', 'update');
  expect(finished.status).toBe(1);
  await expect(complaint(finished)).toMatchFileSnapshot('golden/errors/go-wrong-hash.txt');
});

test('a version that its author took back is refused', async () => {
  const retracting = `${HELLO['go.mod'] ?? ''}\nretract v1.0.0 // Greets the wrong person.\n`;
  proxy.serve('example.test/hello', 'v1.0.1', { files: { ...HELLO, 'go.mod': retracting } });
  const finished = await make('sources', 'update');
  expect(finished.status).toBe(1);
  await expect(complaint(finished)).toMatchFileSnapshot('golden/errors/go-retracted.txt');
});

test('a Go that is not served is told, and nothing is pinned', async () => {
  const finished = await make('sources', 'pin-go', '1.99.0');
  expect(finished.status).toBe(1);
  await expect(complaint(finished)).toMatchFileSnapshot('golden/errors/go-toolchain-not-served.txt');
});
