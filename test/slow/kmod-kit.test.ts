import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { ARCHES, type Arch } from '../../tools/config/arch.ts';
import { parseSha256 } from '../../tools/graph/digest.ts';
import type { Output } from '../../tools/graph/task.ts';
import { runCommand } from '../../tools/process/command.ts';
import type { Action } from '../../tools/sandbox/action.ts';
import { fetchTask } from '../../tools/sources/fetch.ts';
import { findMirrors } from '../../tools/sources/mirrors.ts';
import { BootRig } from '../rig/boot-rig.ts';
import { buildWithKit, carry } from '../rig/kit-module.ts';
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
cd driver
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
cd ..`;

function latest(arch: Arch): string {
  return join(CHECKOUT, 'build', 'images', `${arch}-metal-dev`, 'latest');
}

async function keep(file: string): Promise<Output> {
  return await elsewhere.store.putFile(await realpath(join(latest('x86_64'), file)));
}

test.for(ARCHES)(
  "Falco's driver for %s builds from the kit alone, and loads in the image of that build",
  async (arch) => {
    await using images = await BootRig.create({ arch });
    const file = await buildWithKit(elsewhere, {
      arch,
      kit: join(latest(arch), `slipway-metal-dev-${arch}-kmod-kit.tar.xz`),
      script: `"$kit/toolchain/usr/bin/gzip" -dc /slipway/in/falco | tar -x --strip-components 1
${CONFIGURE}
"$kit/kmake" -C driver -j"$SLIPWAY_CORES"`,
      file: 'driver/scap.ko',
      inputs: { '/slipway/in/falco': await fetchFalco() },
    });
    const { drive, bytes } = await carry(file, await images.makeDir(), 'scap.ko');
    await using machine = await images.boot('uefi', undefined, { more: [drive] });
    await machine.waitForShell(BOOT_MS);
    const load = `dmesg -n 1 && head -c ${bytes} /dev/vdb > /tmp/scap.ko && insmod /tmp/scap.ko && cat /sys/module/scap/version && ls -d /dev/scap0`;
    const { status, output } = await machine.run(load, BOOT_MS);
    expect([status, output.trim()]).toEqual([0, '0.20.0\n/dev/scap0']);
  },
);

/** Nothing but the image's own files is there to build with. */
const BUILD = `printf '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n' > hello.c
echo 'obj-m := hello.o' > Makefile
/kit/kmake -s -C /kit/kernel-devel M=/module modules
`;

test('the container image is read by umoci, and a module builds in it', async () => {
  await using peers = await SandboxRig.create('peers');
  const unpack = `mkdir oci; tar -xf /slipway/in/oci -C oci
[[ $(< oci/index.json) =~ 'ref.name":"'([^\\"]+) ]]
tag=\${BASH_REMATCH[1]}
# Without root, umoci looks at how this file is mounted, for the container it describes.
: > /etc/resolv.conf
umoci unpack --rootless --image "oci:$tag" bundle
mv bundle/rootfs bundle/config.json /slipway/out`;
  const { result, task } = await peers.run({
    argv: ['bash', '-euc', unpack],
    inputs: { '/slipway/in/oci': await keep('slipway-metal-dev-x86_64-kmod-kit.oci.tar') },
    outputs: { type: 'named', names: { rootfs: 'tree', 'config.json': 'file' } },
  });
  if (result.outcomes.get(task.id)?.type !== 'built') throw new Error(peers.lines.slice(-40).join('\n'));
  const config = await readFile(peers.store.pathOf(result.output(task, 'config.json')), 'utf8');
  expect(JSON.parse(config)).toMatchObject({ process: { args: ['/kit/kmake'], cwd: '/module' } });
  const rootfs = peers.store.pathOf(result.output(task, 'rootfs'));
  const module = await boot.makeDir();
  const lines: string[] = [];
  const inside = [
    '--overlay-src',
    rootfs,
    '--tmp-overlay',
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--tmpfs',
    '/tmp',
    '--bind',
    module,
    '/module',
  ];
  const environment = ['--chdir', '/module', '--clearenv', '--setenv', 'PATH', '/usr/bin:/bin'];
  const argv = [...peers.program('usr/bin/bwrap'), '--unshare-all', ...inside, ...environment, 'sh', '-euc', BUILD];
  const { status } = await runCommand(argv, { env: {}, onLine: (line) => lines.push(line) });
  expect([status, lines]).toEqual([0, expect.anything()]);
  expect(await readdir(module)).toContain('hello.ko');
});

test.for(['kmod-kit', 'kmod-kit-oci'])('%s made again with one core has the same bytes', async (name) => {
  const { results } = elsewhere.store;
  const id = `${name}/kernel-6.12.x86_64`;
  const key = results.lastKey(id) ?? parseSha256('');
  const action = actionSchema.parse(results.readKeyDocument(key));
  // With the time in its environment: what is in the store does not count.
  const { result, task } = await elsewhere.run(action);
  const again = Object.values(result.outputs(task)).map(({ digest }) => digest.hash);
  expect(again).toEqual(Object.values(results.last(id)?.outputs ?? {}).map(({ digest }) => digest.hash));
  expect(again).toHaveLength(1);
});

/** A key is the action itself. */
const actionSchema = z.custom<Action>((value) => typeof value === 'object' && value !== null && 'argv' in value);
