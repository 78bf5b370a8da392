import { expect, test } from 'vitest';

import { fixturePackage, RELEASE } from './rig/fixtures.ts';
import { Rig } from './rig/rig.ts';

const VARIANT = { 'variants/metal-mini/variant.yaml': 'arches: [x86_64]\npackages: [alpha]\n' };

test('a program whose library no package brings is named when the root is put together', async () => {
  const build = [
    'echo "int missing(void) { return 1; }" | gcc -shared -x c -o libmissing.so -',
    'echo "int missing(void); int main(void) { return missing(); }" | gcc -x c -o program - -L. -lmissing',
  ].join('\n');
  // With a /boot the root is whole but for the library, so that nothing else can fail.
  const install = 'install -D program %{buildroot}%{_datadir}/program; install -d %{buildroot}/boot';
  await using rig = await Rig.create({
    ...RELEASE,
    ...VARIANT,
    ...fixturePackage('alpha', { build, install, files: ['/boot'] }),
    ...fixturePackage('grub'),
  });
  const { status, stderr } = await rig.make('build', '--variant', 'metal-mini', '--keep-going');
  expect(status).toBe(1);
  expect(stderr).toContain('FAIL  Install');
  expect(stderr).toMatch(/error: \S+share\/program needs libmissing\.so, which no installed package provides/);
});

test('packages that conflict are refused by rpm itself', async () => {
  await using rig = await Rig.create({
    ...RELEASE,
    'variants/metal-mini/variant.yaml': 'arches: [x86_64]\npackages: [alpha, beta]\n',
    ...fixturePackage('alpha', { install: 'echo one > %{buildroot}%{_datadir}/same' }),
    ...fixturePackage('beta', { install: 'echo two > %{buildroot}%{_datadir}/same' }),
    ...fixturePackage('grub'),
  });
  const { status, stderr } = await rig.make('build', '--variant', 'metal-mini', '--keep-going');
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /share\/same conflicts between attempted installs of slipway-alpha-1\.0-1\S* and slipway-beta/,
  );
});

test('a package that a variant names and nobody has is an error at its line', async () => {
  await using rig = await Rig.create({
    ...RELEASE,
    'variants/metal-mini/variant.yaml': 'arches: [x86_64]\npackages:\n  - alpha\n  - alhpa\n',
    ...fixturePackage('alpha'),
    ...fixturePackage('grub'),
  });
  const { stderr } = await rig.make('plan', '--variant', 'metal-mini');
  expect(stderr).toContain(
    'variants/metal-mini/variant.yaml:4:5: error: Cannot find a package that provides "slipway-alhpa"',
  );
  expect(stderr).toContain('Did you mean "slipway-alpha"?');
});
