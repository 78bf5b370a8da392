import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { fixturePackage, RELEASE, type Files } from './rig/fixtures.ts';
import { CHECKOUT, Rig } from './rig/rig.ts';

const POLICY = 'packages/selinux-policy';

/** The policy of this checkout, with a change. */
function policy(file: string, change: (text: string) => string): Files {
  const files = readdirSync(join(CHECKOUT, POLICY)).map((name): [string, string] => {
    const text = readFileSync(join(CHECKOUT, POLICY, name), 'utf8');
    return [`${POLICY}/${name}`, name === file ? change(text) : text];
  });
  return Object.fromEntries(files);
}

/** What is said when the policy is built with a line more. */
async function complaint(file: string, line: string): Promise<{ said: string; at: number }> {
  let at = 0;
  const files = policy(file, (text) => {
    at = text.split('\n').length;
    return `${text}${line}\n`;
  });
  await using rig = await Rig.create({ ...RELEASE, ...files });
  const { status, stderr } = await rig.make('build', '--package', 'selinux-policy');
  expect(status).toBe(1);
  return { said: stderr, at };
}

test('a policy that does not compile is told with the line of its source', async () => {
  const { said, at } = await complaint('rules.cil', '(allow container_tt os_t (files (read)))');
  expect(said).toContain(`Failed to resolve allow statement at ${POLICY}/rules.cil:${at}`);
});

test('a rule that an assertion forbids is named, and so is the assertion', async () => {
  const { said, at } = await complaint('rules.cil', '(allow container_t etc_t (files (write)))');
  expect(said).toMatch(new RegExp(`neverallow check failed at ${POLICY}/assertions.cil:\\d+`));
  expect(said).toContain(`allow at ${POLICY}/rules.cil:${at}`);
});

test('a label of a type that the policy does not have is told with its line', async () => {
  const { said, at } = await complaint('file_contexts', '/usr/bin/x -- system_u:object_r:exec_t:s0');
  expect(said).toContain(`Failed to resolve filecon statement at ${POLICY}/file_contexts:${at}`);
});

test('a path without a label and a label without its path are told together', async () => {
  const contexts = [
    '/(share|usr)?(/.*)? u:r:t:s0',
    '# package alpha',
    '/usr/bin/gone -- u:r:t:s0',
    '# package beta',
    '/none u:r:t:s0',
  ];
  const dir = '%{buildroot}%{_factorydir}/etc/selinux/slipway/contexts/files';
  const install = [
    `install -d ${dir} %{buildroot}/boot`,
    ...contexts.map((line) => `echo '${line}' >> ${dir}/file_contexts`),
    `echo '%{_prefix} /usr' > ${dir}/file_contexts.subs_dist`,
    'ln -s .%{_prefix} %{buildroot}/usr',
    'install -D /dev/null %{buildroot}%{_prefix}/lib/os-release',
  ].join('\n');
  await using rig = await Rig.create({
    ...RELEASE,
    'variants/metal-mini/variant.yaml': 'arches: [x86_64]\npackages: [alpha]\n',
    ...fixturePackage('alpha', { install, files: ['/boot', '/usr', '%{_prefix}/lib/os-release'] }),
    ...fixturePackage('grub'),
  });
  const { status, stderr } = await rig.make('build', '--variant', 'metal-mini', '--keep-going');
  expect(status).toBe(1);
  expect(stderr).toContain(`${POLICY}/file_contexts: error: /boot has no label: add a line for it`);
  expect(stderr).toContain(
    `${POLICY}/file_contexts:3: error: package alpha has no /usr/bin/gone: correct the path, or remove the line`,
  );
  expect(stderr).not.toContain('beta');
});
