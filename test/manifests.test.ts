import { symlink } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { fixturePackage, RELEASE } from './rig/fixtures.ts';
import type { Files } from './rig/fixtures.ts';
import { Rig } from './rig/rig.ts';

const VARIANT = 'arches: [x86_64]\npackages: [alpha]\n';

test('every complaint of every manifest is reported at once, each with its place and the nearest name', async () => {
  await using rig = await Rig.create({
    'Release.yaml': 'name: Slipway\npretty-name: Slipway OS\nversoin: 1.0.0\n',
    'variants/metal-dev/variant.yaml':
      'arches: [x86_64, arm]\npackges: [alpha]\nimage:\n  format: raww\n  layout:\n    os: 2G\n    plann: split\n',
    'variants/metal/variant.yaml': VARIANT,
    'packages/alpha/package.yaml':
      'sources:\n  - debian: { source: expat, versio: 1, file: a/b }\n    sha512: 9b\n  - url: ftp://example.org/x.tar\n    sha512: 12\n',
    'packages/beta/package.yaml': 'sources: {\n  a: 1\n',
  });
  const { status, stderr } = await rig.make('build', '--variant', 'metal-dev');
  expect(status).toBe(1);
  await expect(stderr).toMatchFileSnapshot('golden/errors/manifests.txt');
});

test('an unknown variant is answered with the nearest one', async () => {
  await using rig = await Rig.create({ ...RELEASE, 'variants/metal-dev/variant.yaml': VARIANT });
  const { status, stderr } = await rig.make('build', '--variant', 'metal-dve');
  expect(status).toBe(1);
  await expect(stderr).toMatchFileSnapshot('golden/errors/unknown-variant.txt');
});

test.for(['build', 'plan', 'run', 'fetch'])('%s without a variant says which there are', async (verb) => {
  await using rig = await Rig.create({ ...RELEASE, 'variants/metal-dev/variant.yaml': VARIANT });
  const { status, stderr } = await rig.make(verb);
  expect(status).toBe(1);
  expect(stderr).toBe(
    'error: Cannot tell which variant is meant: expected --variant <name>  [cli/no-target]\n  hint: Variants here: metal-dev\n',
  );
});

test('an architecture that a variant does not list is an error at its list', async () => {
  await using rig = await Rig.create({
    ...RELEASE,
    ...fixturePackage('alpha'),
    ...fixturePackage('grub'),
    'variants/metal-dev/variant.yaml': VARIANT,
  });
  const { status, stderr } = await rig.make('plan', '--variant', 'metal-dev', '--arch', 'aarch64');
  expect(status).toBe(1);
  expect(stderr).toContain('variants/metal-dev/variant.yaml:1:1: error: Cannot build variant "metal-dev" for aarch64');
});

/** Two of a kind, of which an image can have one. */
const twoAgents: Files = {
  ...RELEASE,
  ...fixturePackage('grub'),
  ...fixturePackage('agent-1', { provides: ['slipway-agent'], conflicts: ['slipway-agent'] }),
  ...fixturePackage('agent-2', { provides: ['slipway-agent'], conflicts: ['slipway-agent'] }),
  ...fixturePackage('helper', { requires: ['agent'] }),
};

test('a variant of two packages that exclude each other is told both, and how they came in', async () => {
  const variant = 'arches: [x86_64]\npackages:\n  - agent-1\n  - helper\n  - agent-2\n';
  await using rig = await Rig.create({ ...twoAgents, 'variants/metal-dev/variant.yaml': variant });
  const { status, stderr } = await rig.make('plan', '--variant', 'metal-dev');
  expect(status).toBe(1);
  const error = stderr.slice(stderr.indexOf('<checkout>/variants'));
  await expect(error).toMatchFileSnapshot('golden/errors/conflict.txt');
});

test('a package of one platform in a variant of another is told, with both and the way to it', async () => {
  await using rig = await Rig.create({
    ...RELEASE,
    ...fixturePackage('grub'),
    ...fixturePackage('alpha', { requires: ['agent'] }),
    ...fixturePackage('agent', { tags: ['Supplements: %{osname}-platform-vmware'] }),
    'variants/metal-dev/variant.yaml': VARIANT,
    'variants/vmware-dev/variant.yaml': VARIANT,
  });
  const { status, stderr } = await rig.make('plan', '--variant', 'metal-dev');
  expect(status).toBe(1);
  const error = stderr.slice(stderr.indexOf('<checkout>/variants'));
  await expect(error).toMatchFileSnapshot('golden/errors/package-wrong-platform.txt');
  expect((await rig.make('plan', '--variant', 'vmware-dev')).status).toBe(0);
});

test('a package that is not for the architecture of its variant is told, with the way to it', async () => {
  await using rig = await Rig.create({
    ...RELEASE,
    ...fixturePackage('grub'),
    ...fixturePackage('alpha', { requires: ['beta'] }),
    ...fixturePackage('beta', { tags: ['ExclusiveArch: x86_64'] }),
    'variants/metal-dev/variant.yaml': 'arches: [x86_64, aarch64]\npackages: [alpha]\n',
  });
  const { status, stderr } = await rig.make('plan', '--variant', 'metal-dev', '--arch', 'aarch64');
  expect(status).toBe(1);
  const error = stderr.slice(stderr.indexOf('<checkout>/variants'));
  await expect(error).toMatchFileSnapshot('golden/errors/package-wrong-arch.txt');
});

test('a name that two packages provide means the one that the variant has', async () => {
  const variant = 'arches: [x86_64]\npackages: [helper, agent-2]\n';
  await using rig = await Rig.create({ ...twoAgents, 'variants/metal-dev/variant.yaml': variant });
  const { status, stdout } = await rig.make('plan', '--variant', 'metal-dev');
  expect(status).toBe(0);
  expect(stdout).toContain('build/agent-2.x86_64');
  expect(stdout).not.toContain('build/agent-1.x86_64');
});

test('list shows each variant for each architecture: packages, disks, size, last build', async () => {
  const variant = VARIANT.replace('x86_64', 'x86_64, aarch64');
  await using rig = await Rig.create({
    ...RELEASE,
    'variants/metal-dev/variant.yaml': variant,
    'build/images/aarch64-metal-dev/1.2.3-abc/slipway-metal-dev-aarch64.img.lz4': 'x'.repeat(2048),
    'build/images/aarch64-metal-dev/1.2.3-abc/slipway-metal-dev-aarch64-data.img.lz4': 'x'.repeat(1024),
  });
  await symlink('1.2.3-abc', join(rig.dir, 'build/images/aarch64-metal-dev/latest'));
  const [event] = await rig.events('list', 'variants');
  const same = { variant: 'metal-dev', format: 'raw', disks: 'split, 2 + 1 GiB', packages: 'alpha' };
  expect(event).toMatchObject({
    type: 'result',
    data: [
      { ...same, arch: 'x86_64', size: '-', 'last build': 'never' },
      { ...same, arch: 'aarch64', size: '3.0 KiB' },
    ],
  });
  expect(JSON.stringify(event)).toMatch(/"last build":"1\.2\.3-abc, \d{4}-\d\d-\d\d \d\d:\d\d UTC"/);
});

test('schema prints a JSON Schema that names every key of a manifest', async () => {
  await using rig = await Rig.create(RELEASE);
  const { stdout } = await rig.make('schema', 'variant');
  await expect(stdout).toMatchFileSnapshot('golden/schemas/variant.json');
});
