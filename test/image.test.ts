import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Variant } from '../tools/config/variant.ts';
import type { Inputs, Output, Task } from '../tools/graph/task.ts';
import { imageTasks, type Artifact } from '../tools/image/tasks.ts';
import { runGraph } from '../tools/graph/scheduler.ts';
import { actionTask, isActionTask, type ActionTask } from '../tools/sandbox/action-task.ts';
import type { Action } from '../tools/sandbox/action.ts';
import { BubblewrapSandbox } from '../tools/sandbox/bubblewrap.ts';
import { SandboxRig } from './rig/sandbox-rig.ts';

const RELEASE = { name: 'slipway', 'pretty-name': 'Slipway OS', version: '1.2.3' };

/** A tiny root and kernel, and what stands in for GRUB; random, so that no earlier run has made images of them. */
const INSTALL = `
mkdir -p root/x-linux-gnu/sys-root/usr/lib root/etc boot grub/x-linux-gnu/sys-root/usr/lib/grub/{efi,i386-pc}
echo "$SEED" > root/x-linux-gnu/sys-root/usr/lib/seed
touch root/x-linux-gnu/sys-root/usr/lib/os-release
head -c 3000000 /dev/zero > boot/vmlinuz
tar --mtime=@0 --sort=name -cf /slipway/out/root.tar -C root .
tar --mtime=@0 --sort=name -cf /slipway/out/boot.tar -C boot .
echo '{}' > /slipway/out/inventory.json
echo '[]' > /slipway/out/packages.json
cd grub/x-linux-gnu/sys-root/usr/lib/grub
head -c 512 /dev/zero > i386-pc/boot.img
head -c 30000 /dev/zero > i386-pc/core.img
head -c 90000 /dev/zero > efi/bootx64.efi
mv /slipway/build/grub /slipway/out/tree
`;

interface Changes {
  readonly parameters?: readonly string[];
  readonly buildId?: string;
  readonly erofs?: boolean;
}

let rig: SandboxRig;
let install: Task;

beforeAll(async () => {
  rig = await SandboxRig.create('image');
  const names = {
    'root.tar': 'file',
    'boot.tar': 'file',
    'inventory.json': 'file',
    'packages.json': 'file',
    tree: 'tree',
  } as const;
  install = rig.task({
    argv: ['bash', '-euc', INSTALL],
    env: { SEED: randomUUID() },
    outputs: { type: 'named', names },
  });
}, 600_000);

afterAll(async () => await rig[Symbol.asyncDispose]());

function plan({ parameters = [], buildId = 'abc', erofs = true }: Changes): readonly Artifact[] {
  const variant: Variant = {
    name: 'test-image',
    path: '/nowhere',
    arches: ['x86_64'],
    packages: ['release'],
    'kernel-parameters': [...parameters],
    image: {
      format: 'raw',
      layout: { plan: 'split', os: 1024, data: 1024, publish: 2048 },
      features: { 'in-place-updates': true, 'erofs-root': erofs, 'uefi-secure-boot': false },
    },
  };
  const sandbox = new BubblewrapSandbox(rig.store);
  const tools = { tasks: [], layers: () => rig.layers };
  return imageTasks({ sandbox, tools, variant, arch: 'x86_64', release: RELEASE, buildId, install, grub: install });
}

interface Built {
  /** Kinds of the tasks that had to run. */
  readonly ran: string[];
  readonly artifacts: readonly Artifact[];
  readonly outputs: ReadonlyMap<string, Output>;
  readonly results: Inputs;
}

async function build(changes: Changes): Promise<Built> {
  const artifacts = plan(changes);
  const results = await rig.build([...new Set(artifacts.map(({ task }) => task))]);
  expect([...results.outcomes].filter(([, { type }]) => type !== 'fresh' && type !== 'built')).toEqual([]);
  const ran = [...results.outcomes].filter(([id, { type }]) => type === 'built' && id !== install.id).map(([id]) => id);
  const outputs = new Map(artifacts.map(({ suffix, task, output }) => [suffix, results.output(task, output)]));
  return { ran: ran.map((id) => id.split('/')[0] ?? '').toSorted(), artifacts, outputs, results };
}

/** Text that a script prints about the disks of an image, `os.raw` and `data.raw`. */
async function look({ outputs }: Built, script: string): Promise<string[]> {
  const [os, data] = ['.img.lz4', '-data.img.lz4'].map((suffix) => outputs.get(suffix));
  if (os === undefined || data === undefined) throw new TypeError('Expected two disks');
  const unpack = 'for disk in os data; do lz4 -d -q --sparse /slipway/in/$disk $disk.raw; done';
  const inputs = { '/slipway/in/os': os, '/slipway/in/data': data };
  const { result, task } = await rig.run({ argv: ['bash', '-euc', `${unpack}\n${script}`], inputs });
  expect({ ...result.outcomes.get(task.id), lines: rig.lines }).toMatchObject({ type: 'built' });
  return [...rig.lines];
}

/** Cuts a partition of the OS disk out, by its place in MiB. */
function cut(file: string, startMiB: number, sizeMiB: number): string {
  return `dd if=os.raw of=${file} bs=1M skip=${startMiB} count=${sizeMiB} status=none`;
}

test('each change re-makes what holds it, and no more', async () => {
  const first = await build({});
  expect(first.ran).toContain('root');
  expect((await build({})).ran).toEqual([]);
  expect((await build({ parameters: ['quiet'] })).ran).toEqual(['boot', 'compressed-boot', 'disk']);
  const renamed = await build({ buildId: 'def' });
  expect(renamed.ran).toEqual([
    'boot',
    'compressed-boot',
    'compressed-root',
    'compressed-verity',
    'disk',
    'root',
    'verity',
  ]);
});

test('a disk holds every partition, sound, in its place', async () => {
  const lines = await look(
    await build({ parameters: ['console=ttyS0,115200n8', 'quiet'] }),
    `sgdisk -v os.raw; sgdisk -v data.raw; sgdisk -i 3 os.raw
${cut('boot', 10, 20)}; e2fsck -fn boot 2>&1; debugfs -R 'cat /grub/grub.cfg' boot 2>&1; debugfs -R 'stat /vmlinuz' boot 2>&1
${cut('root', 30, 460)}; dump.erofs --path=/x-linux-gnu/sys-root/usr/lib/os-release --cat root 2>&1
${cut('verity', 490, 5)}; hash=$(debugfs -R 'cat /grub/grub.cfg' boot 2>/dev/null | grep -o 'sha256 [0-9a-f]*' | cut -c 8-)
veritysetup verify root verity "$hash" 2>&1 && echo verity-holds
${cut('esp', 5, 5)}; mdir -b -i esp ::EFI/BOOT
${cut('private', 1005, 17)}; e2fsck -fn private 2>&1
dd if=data.raw of=data bs=1M skip=1 count=1022 status=none; e2fsck -fn data 2>&1
dd if=os.raw bs=1 skip=92 count=8 status=none | od -An -t d8; dd if=os.raw bs=1 skip=$((2048 * 512 + 500)) count=8 status=none | od -An -t d8`,
  );
  const text = lines.join('\n');
  expect(text.match(/^No problems found/gm)).toHaveLength(2);
  expect(text).toContain("Partition name: 'SLIPWAY-BOOT-A'");
  expect(text).toContain('Attribute flags: 0101000000000000');
  expect(text).toContain('linux /vmlinuz console=ttyS0,115200n8 quiet root=/dev/dm-0 rootwait ro');
  expect(text).toMatch(/Mode: {2}0600/);
  expect(text).toContain('NAME="Slipway OS"\nID="slipway"');
  expect(text).toContain('VERSION_ID="1.2.3"');
  expect(text).toContain('verity-holds');
  expect(text).toContain('bootx64.efi');
  expect(text.match(/^\w+: \d+\/\d+ files/gm)).toHaveLength(3);
  // GRUB's first sector knows where its core begins, and the core where its second sector is.
  expect(lines.slice(-2).map(Number)).toEqual([2048, 2049]);
});

test('an ext4 root is hashed and booted the same way', async () => {
  const image = await build({ erofs: false });
  expect([...image.outputs.keys()]).toContain('-root.ext4.lz4');
  const lines = await look(
    image,
    `${cut('root', 30, 460)}; debugfs -R 'cat /x-linux-gnu/sys-root/usr/lib/os-release' root 2>&1`,
  );
  expect(lines).toContain('BUILD_ID="abc"');
});

test('every step gives the same bytes when it runs again, on one core', async () => {
  const { results, artifacts } = await build({});
  const steps = stepsOf(artifacts);
  expect(steps).toHaveLength(12);
  const again = steps.map((step) => {
    const action = (): Action => ({
      ...step.action(results),
      env: { ...step.action(results).env, AGAIN: randomUUID() },
    });
    return actionTask({ ...step, needs: [], id: `again/${step.id}`, action });
  });
  const rerun = await runGraph(again, { store: rig.store, ...QUIET, cores: 1, memoryMiB: 4096 });
  expect([...rerun.outcomes.values()].filter(({ type }) => type === 'failed')).toEqual([]);
  for (const [index, step] of steps.entries()) {
    expect({ id: step.id, ...rerun.outputs(again[index] ?? step) }).toEqual({ id: step.id, ...results.outputs(step) });
  }
});

const QUIET = { sink: () => undefined, signal: new AbortController().signal };

/** Every sandboxed step of an image, `install` left out. */
function stepsOf(artifacts: readonly Artifact[]): ActionTask[] {
  const found = new Set<Task>();
  function visit(task: Task): void {
    if (task === install || found.has(task)) return;
    found.add(task);
    task.needs.forEach(visit);
  }
  for (const { task } of artifacts) visit(task);
  return [...found].filter(isActionTask);
}
