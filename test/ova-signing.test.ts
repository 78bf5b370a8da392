import { sign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { runCommand } from '../tools/process/command.ts';
import { OVA, OvaRig, STEM, VARIANT } from './rig/ova-rig.ts';
import type { Rig } from './rig/rig.ts';

let ova: OvaRig;
let rig: Rig;

beforeAll(async () => {
  ova = await OvaRig.create();
  ({ rig } = ova);
  await makeKeys();
}, 600_000);

afterAll(async () => await ova?.[Symbol.asyncDispose]());

/** A key, its certificate, and another key that has none. */
async function makeKeys(): Promise<void> {
  const subject = ['-subj', '/CN=Slipway test', '-days', '30'];
  await openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ova.key', '-out', 'ova.pem', ...subject);
  await openssl('genrsa', '-out', 'other.key', '2048');
}

async function openssl(...argv: readonly string[]): Promise<void> {
  const { status } = await runCommand([...ova.tools.program('usr/bin/openssl'), ...argv], {
    env: {},
    cwd: rig.dir,
    onLine: () => undefined,
  });
  if (status !== 0) throw new Error(`openssl ${argv.join(' ')}`);
}

test('a signed OVA has a certificate behind the manifest, and openssl finds the signature good', async () => {
  const signing = ['--ova-key', join(rig.dir, 'ova.key'), '--ova-certificate', join(rig.dir, 'ova.pem')];
  await rig.succeed('build', '--variant', VARIANT, ...signing);
  const lines = await ova.look(
    OVA,
    `tar -tf /slipway/in/ova; mkdir ova; tar -xf /slipway/in/ova -C ova; cd ova
sed -E 's/^SHA256\\((.*)\\)= (.*)$/\\2  \\1/' *.mf | sha256sum -c --quiet
grep -oE '^SHA256[^=]*=' *.cert
sed -n 's/^SHA256.*= //p' *.cert | tr a-f A-F | basenc --base16 -d > signature
openssl x509 -in *.cert -noout -pubkey > key
openssl dgst -sha256 -verify key -signature signature *.mf`,
  );
  const members = ['.ovf', '.mf', '.cert', '.vmdk', '-data.vmdk'].map((suffix) => `${STEM}${suffix}`);
  expect(lines).toEqual([...members, `SHA256(${STEM}.mf)=`, 'Verified OK']);
  const key = (await readFile(join(rig.dir, 'ova.key'), 'utf8')).split('\n')[1];
  const { stdout } = await rig.make('--json', 'build', '--variant', VARIANT, ...signing);
  expect(stdout).toContain('"type":"result"');
  expect(stdout).not.toContain(key);
});

test('a signature that was made in another building gives the same OVA, bit by bit', async () => {
  const certificate = ['--ova-certificate', join(rig.dir, 'ova.pem')];
  await rig.succeed('build', '--variant', VARIANT, '--ova-key', join(rig.dir, 'ova.key'), ...certificate);
  const sums = await ova.sums();
  const folder = join(rig.dir, 'request');
  const asked = await rig.make('build', '--variant', VARIANT, '--ova-sign-later', folder);
  expect(asked.stdout).toContain(`${STEM}.mf.tbs wait for their signatures in <checkout>/request`);
  const back = ['build', '--variant', VARIANT, '--ova-signatures', folder, ...certificate];
  expect((await rig.make(...back)).stderr).toContain('[vmware/no-signature]');
  const manifest = await readFile(join(folder, `${STEM}.mf.tbs`));
  const signed = (file: string) => readFile(join(rig.dir, file)).then((key) => sign('sha256', manifest, key));
  await writeFile(join(folder, `${STEM}.mf.sig`), await signed('other.key'));
  expect((await rig.make(...back)).stderr).toContain('[vmware/bad-signature]');
  await writeFile(join(folder, `${STEM}.mf.sig`), await signed('ova.key'));
  expect(await rig.make(...back)).toMatchObject({ status: 0 });
  expect(await ova.sums()).toBe(sums);
});

test('a key is refused before anything is built, where it is not that of the certificate or half of it is missing', async () => {
  const certificate = ['--ova-certificate', join(rig.dir, 'ova.pem')];
  const other = await rig.make('build', '--variant', VARIANT, '--ova-key', join(rig.dir, 'other.key'), ...certificate);
  expect(other.status).toBe(1);
  expect(other.stderr).toContain('expected the RSA key of "<checkout>/ova.pem", got another');
  const half = await rig.make('build', '--variant', VARIANT, ...certificate);
  expect(half.status).toBe(1);
  expect(half.stderr).toContain('expected --ova-certificate, and with it --ova-key or --ova-signatures');
  const two = ['--ova-sign-later', join(rig.dir, 'request'), '--ova-key', join(rig.dir, 'ova.key')];
  const both = await rig.make('build', '--variant', VARIANT, ...certificate, ...two);
  expect(both.stderr).toContain('expected one of --ova-key, --ova-sign-later, --ova-signatures');
});
