import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

import { expect, test } from 'vitest';

import { Rig } from '../rig/rig.ts';
import { SecureBootRig } from '../rig/secure-boot-rig.ts';

/** Without KVM, on a busy machine; firmware that guards its variables takes its time there. */
const BOOT_MS = 600_000;

test('an image that was repacked boots by its new keys, with its new kernel line and certificates', async () => {
  const [bundle] = rootCertificates;
  if (bundle === undefined) throw new TypeError('Expected a certificate');
  await using files = await Rig.create({ 'ca.pem': bundle });
  const flags = ['--ca-bundle', join(files.dir, 'ca.pem'), '--add-parameter', 'slipway.repacked=1'];
  await using rig = await SecureBootRig.create({ repack: flags });
  await using machine = await rig.boot();
  await machine.waitForShell(BOOT_MS);
  const path = '/usr/share/factory/etc/pki/tls/certs/ca-bundle.crt';
  const line = await machine.run(`grep -o slipway.repacked=1 /proc/cmdline; sha256sum < ${path}; ls -Z ${path}`);
  const digest = createHash('sha256').update(bundle).digest('hex');
  expect(line.output).toContain('slipway.repacked=1');
  expect(line.output).toContain(digest);
  expect(line.output).toContain(':os_t:s0');
  expect((await machine.run('systemctl is-system-running --wait', BOOT_MS)).output.trim()).toBe('running');
});
