import { chmod, copyFile, realpath, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Output } from '../../tools/graph/task.ts';
import { fetchTask } from '../../tools/sources/fetch.ts';
import { findMirrors } from '../../tools/sources/mirrors.ts';
import { BootRig } from '../rig/boot-rig.ts';
import { CHECKOUT } from '../rig/rig.ts';
import { SandboxRig } from '../rig/sandbox-rig.ts';

/** Without KVM, on a busy machine. */
const BOOT_MS = 300_000;

const FALCO = 'falcosecurity-libs_0.20.0.orig.tar.gz';
const SOURCE = {
  debian: { source: 'falcosecurity-libs', version: '0.20.0-3', file: FALCO },
  sha512:
    'b5ef481bda92a29b7b409baee25dabd0b766e4bbcac762740635f99b36cd823a6d98f541817fd03b1a86a1385d3fe24888b33b84dc3486cd9f8d00e5384eb705',
} as const;

let boot: BootRig;
/** A machine with tar and the like, and no compiler. */
let elsewhere: SandboxRig;

beforeAll(async () => {
  boot = await BootRig.create();
  elsewhere = await SandboxRig.create('image');
});

afterAll(async () => {
  await boot[Symbol.asyncDispose]();
  await elsewhere[Symbol.asyncDispose]();
});

async function fetchFalco(): Promise<Output> {
  const { store } = elsewhere;
  const task = fetchTask(SOURCE, { store, network: 'online', mirrors: () => findMirrors(), at: undefined });
  const result = await elsewhere.build([task]);
  return result.output(task, FALCO);
}

/** What CMake would make of the driver's templates. */
const CONFIGURE = `
cd falco/driver
sed 's/@DRIVER_NAME@/scap/; s/@KBUILD_FLAGS@//' Makefile.in > Makefile
IFS=. read -r a b c < API_VERSION; IFS=. read -r d e f < SCHEMA_VERSION
sed "s/\\\${PPM_API_CURRENT_VERSION_MAJOR}/$a/; s/\\\${PPM_API_CURRENT_VERSION_MINOR}/$b/; s/\\\${PPM_API_CURRENT_VERSION_PATCH}/$c/
  s/\\\${PPM_SCHEMA_CURRENT_VERSION_MAJOR}/$d/; s/\\\${PPM_SCHEMA_CURRENT_VERSION_MINOR}/$e/; s/\\\${PPM_SCHEMA_CURRENT_VERSION_PATCH}/$f/
  s/\\\${DRIVER_VERSION}/0.20.0/; s/\\\${DRIVER_NAME}/scap/; s/\\\${DRIVER_DEVICE_NAME}/scap/; s/\\\${GIT_COMMIT}/none/" driver_config.h.in > driver_config.h
for test in configure/*/; do
  name=$(basename $test)
  cp configure/Makefile configure/build.sh $test
  sed "s/@CONFIGURE_MODULE@/$name/g" configure/Makefile.inc.in > $test/Makefile.inc
done
cd ../..`;

test("Falco's driver builds from the kit alone, and loads in the image of that build", async () => {
  const latest = join(CHECKOUT, 'build', 'images', 'x86_64-metal-dev', 'latest');
  const kit = await elsewhere.store.putFile(await realpath(join(latest, 'slipway-metal-dev-x86_64-kmod-kit.tar.xz')));
  const { result, task } = await elsewhere.run({
    argv: [
      'bash',
      '-euc',
      `if command -v gcc || command -v make; then exit 1; fi
tar -xf /slipway/in/kit; cd metal-dev-x86_64-kmod-kit-v*; kit=$PWD; cd ..
mkdir falco; "$kit/toolchain/usr/bin/gzip" -dc /slipway/in/falco | tar -x -C falco --strip-components 1
${CONFIGURE}
"$kit/kmake" -C falco/driver -j"$SLIPWAY_CORES"
"$kit/toolchain/usr/bin/strip" --strip-debug falco/driver/scap.ko
cp falco/driver/scap.ko /slipway/out/scap.ko`,
    ],
    inputs: { '/slipway/in/kit': kit, '/slipway/in/falco': await fetchFalco() },
    outputs: { type: 'named', names: { 'scap.ko': 'file' } },
  });
  if (result.outcomes.get(task.id)?.type !== 'built') throw new Error(elsewhere.lines.slice(-40).join('\n'));
  // A disk of its own carries it in, and is a whole number of sectors.
  const module = join(await boot.makeDir(), 'scap.ko');
  await copyFile(elsewhere.store.pathOf(result.output(task, 'scap.ko')), module);
  await chmod(module, 0o600);
  const { size } = await stat(module);
  await truncate(module, Math.ceil(size / 4096) * 4096);
  await using machine = await boot.boot('uefi', undefined, { more: [{ path: module, form: 'raw' }] });
  await machine.waitForShell(BOOT_MS);
  const load = `dmesg -n 1 && head -c ${size} /dev/vdb > /tmp/scap.ko && insmod /tmp/scap.ko && cat /sys/module/scap/version && ls -d /dev/scap0`;
  expect(await machine.run(load, BOOT_MS)).toEqual({ status: 0, output: '0.20.0\n/dev/scap0' });
});
