import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import type { Finished } from './rig/rig.ts';
import { CHECKOUT, Rig } from './rig/rig.ts';
import { tinyImage } from './rig/tiny-image.ts';
import { PASSWORD, USERNAME, Vcenter } from './rig/vcenter.ts';

const VARIANT = 'vmware-tiny';
const NAME = `slipway-${VARIANT}-x86_64-v1.2.3-00000000`;
const LOGIN = { GOVC_USERNAME: USERNAME, GOVC_PASSWORD: PASSWORD, GOVC_INSECURE: '1' };

let rig: Rig;
let vcenter: Vcenter;

beforeAll(async () => {
  rig = await Rig.create(
    tinyImage(VARIANT, 'format: vmdk, layout: { plan: split, os: 1GiB, data: 1GiB, publish: 4GiB }'),
  );
  await cp(join(CHECKOUT, 'packages', 'govc'), join(rig.dir, 'packages', 'govc'), { recursive: true });
  await rig.succeed('build', '--variant', VARIANT);
  vcenter = await Vcenter.start(rig);
  await rig.write({ 'Infra.yaml': infra() });
}, 600_000);

afterAll(async () => {
  await vcenter[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

/** Both datacenters of the simulator, the second one by its name for people. */
function infra(changed: Readonly<Record<string, string>> = {}): string {
  return `vmware:
  datacenters: [north, south]
  common: { vsphere-url: "${vcenter.url}", datastore: LocalDS_0, network: VM Network, folder: vm, library: images }
  datacenter:
    north: { datacenter: DC0, resource-pool: DC0_C0/Resources }
    south: { datacenter: ${changed['datacenter'] ?? 'DC1'}, resource-pool: ${changed['pool'] ?? 'DC1_C0/Resources'} }
`;
}

function vsphere(...argv: readonly string[]): Promise<Finished> {
  return rig.makeWith({ env: LOGIN }, 'vsphere', ...argv, '--variant', VARIANT);
}

const machines = z.object({
  virtualMachines: z
    .array(
      z.object({
        config: z.object({
          template: z.boolean(),
          annotation: z.string().optional(),
          hardware: z.object({
            numCPU: z.number(),
            memoryMB: z.number(),
            device: z.array(z.object({ capacityInKB: z.number().optional() })),
          }),
        }),
      }),
    )
    .nullish(),
});

async function look(path: string) {
  const { virtualMachines } = machines.parse(JSON.parse(await vcenter.govc('vm.info', '-json', path)));
  return virtualMachines?.[0]?.config;
}

async function machinesBelow(datacenter: string): Promise<string> {
  return await vcenter.govc('find', `/${datacenter}/vm`, '-type', 'm');
}

test('every datacenter is looked at before the first upload, and all that is wrong is told at once', async () => {
  await rig.write({ 'Infra.yaml': infra({ pool: 'DC1_C9/Resources' }) });
  const { status, stderr } = await vsphere('upload');
  expect(status).toBe(1);
  expect(stderr).toContain('Cannot find resource-pool "DC1_C9/Resources" in "south"');
  expect(stderr).toContain('there are /DC1/host/');
  expect(await look(`/DC0/vm/${NAME}`)).toBeUndefined();
  await rig.write({ 'Infra.yaml': infra({ datacenter: 'DC7' }) });
  const wrong = await rig.makeWith(
    { env: { ...LOGIN, GOVC_DATASTORE: 'nowhere' } },
    'vsphere',
    'upload',
    '--variant',
    VARIANT,
  );
  expect(wrong.stderr).toContain('Cannot find datastore "nowhere" in "north"');
  expect(wrong.stderr).toContain('Cannot find datacenter "DC7" in "south"');
  expect(wrong.stderr).toContain('there are /DC0, /DC1');
  await rig.write({ 'Infra.yaml': infra() });
});

test('a plan says what would be changed, and changes nothing', async () => {
  const { status, stdout } = await vsphere('upload', '--plan');
  expect(status).toBe(0);
  expect(stdout).toContain('Upload the OVA in north\n');
  expect(stdout).toContain('datastore: /DC1/datastore/LocalDS_0');
  expect(stdout).toContain('4 steps; nothing was changed');
  expect(await look(`/DC0/vm/${NAME}`)).toBeUndefined();
});

test('a machine is made in each datacenter, as the plan of the variant says, and a second run finds it there', async () => {
  const first = await vsphere('upload');
  expect([first.status, first.stderr]).toEqual([0, expect.not.stringContaining('error')]);
  expect(first.stdout).toContain(`"${NAME}" is in north, south, and was read back`);
  for (const datacenter of ['DC0', 'DC1']) {
    const machine = await look(`/${datacenter}/vm/${NAME}`);
    expect(machine).toMatchObject({ template: false, hardware: { numCPU: 2, memoryMB: 8192 } });
    // What a machine gets: the OS disk as it is, and data with the rest of what is published.
    const capacities = machine?.hardware.device.flatMap(({ capacityInKB }) => capacityInKB ?? []);
    expect(capacities).toEqual([1, 3].map((gib) => gib * 1024 ** 2));
    expect(machine?.annotation).toMatch(
      /^Slipway OS 1.2.3 \(vmware-tiny, x86_64\)\nMade of \S+\.ova\nSHA-256 of the OVA: [0-9a-f]{64}$/,
    );
    expect(await machinesBelow(datacenter)).not.toContain('.uploading-');
  }
  const again = await vsphere('upload');
  expect([again.status, again.stdout]).toEqual([0, `"${NAME}" is there already: north, south\n`]);
});

test('a name that is taken is an error, and what is off is replaced where that is asked for', async () => {
  const taken = await vsphere('template', '--datacenters', 'north');
  expect(taken.status).toBe(1);
  expect(taken.stderr).toContain(`Cannot use the name "${NAME}" in "north": a machine of the same OVA has it`);
  await vcenter.govc('vm.power', '-on', `/DC0/vm/${NAME}`);
  const on = await vsphere('template', '--datacenters', 'north', '--replace');
  expect(on.stderr).toContain(`Cannot replace "/DC0/vm/${NAME}" in "north": it is not powered off`);
  await vcenter.govc('vm.power', '-off', '-force', `/DC0/vm/${NAME}`);
  expect(await vsphere('template', '--datacenters', 'north', '--replace')).toMatchObject({ status: 0 });
  expect(await look(`/DC0/vm/${NAME}`)).toMatchObject({ template: true });
  await vcenter.govc(
    'vm.clone',
    '-dc',
    'DC0',
    '-vm',
    `/DC0/vm/${NAME}`,
    '-on=false',
    '-pool',
    '/DC0/host/DC0_C0/Resources',
    'worker',
  );
  expect(await look('/DC0/vm/worker')).toMatchObject({ template: false });
});

test('what a killed run left under a name of its own is removed by the next one', async () => {
  const place = ['-dc', 'DC1', '-ds', 'LocalDS_0', '-pool', '/DC1/host/DC1_C0/Resources'];
  const ova = join(rig.dir, 'build', 'images', `x86_64-${VARIANT}`, 'latest', `slipway-${VARIANT}-x86_64.ova`);
  await vcenter.govc('import.ova', ...place, '-name', 'node.uploading-0123abcd', ova);
  const argv = ['upload', '--name', 'node', '--datacenters', 'south'];
  const planned = await vsphere(...argv, '--plan');
  expect(planned.stdout).toContain('before  /DC1/vm/node.uploading-0123abcd');
  expect(await vsphere(...argv)).toMatchObject({ status: 0 });
  expect(await look('/DC1/vm/node')).toMatchObject({ template: false });
  expect(await machinesBelow('DC1')).not.toContain('.uploading-');
});

test('a content library takes the OVA once', async () => {
  const none = await vsphere('content-library', '--datacenters', 'north');
  expect(none.stderr).toContain('Cannot find content library "images" in "north": there is none');
  const made = await vsphere('content-library', '--datacenters', 'north', '--create-library');
  expect([made.status, made.stdout]).toEqual([0, `"${NAME}" is in north, and was read back\n`]);
  expect(await vcenter.govc('library.ls', '/images/*')).toBe(`/images/${NAME}`);
  const files = await vcenter.govc('library.ls', `/images/${NAME}/*`);
  const stem = 'slipway-vmware-tiny-x86_64-v1.2.3';
  expect(files.split('\n').toSorted()).toEqual(
    [`${stem}-data.vmdk`, `${stem}.ovf`, `${stem}.vmdk`].map((file) => `/images/${NAME}/${file}`),
  );
  const again = await vsphere('content-library', '--datacenters', 'north');
  expect(again.stdout).toBe(`"${NAME}" is there already: north\n`);
  // Another OVA of that name.
  await vcenter.govc('library.update', '-n', NAME, '-d', 'somebody else', `/images/${NAME}`);
  const taken = await vsphere('content-library', '--datacenters', 'north');
  expect(taken.stderr).toContain(`Cannot use the name "${NAME}" in "north"`);
  expect(await vsphere('content-library', '--datacenters', 'north', '--replace')).toMatchObject({ status: 0 });
  expect(await vcenter.govc('library.info', `/images/${NAME}`)).toContain('SHA-256 of the OVA: ');
});

test('no password is in a log, in the journal, in a message or in the arguments of a program', async () => {
  const wrong = 'a password that is not the one';
  const refused = await rig.makeWith(
    { env: { ...LOGIN, GOVC_PASSWORD: wrong } },
    'vsphere',
    'upload',
    '--variant',
    VARIANT,
    '--json',
  );
  expect(refused.status).toBe(1);
  expect(refused.stdout + refused.stderr).toContain('Cannot log in in');
  expect(refused.stdout + refused.stderr).not.toContain(wrong);
  const planned = await vsphere('upload', '--plan', '--name', 'other', '--json');
  expect(planned.stdout).toContain('"id":"upload/north"');
  expect(planned.stdout).not.toContain(PASSWORD);
  const journal = await readFile(join(rig.dir, 'build', 'publish', 'journal.jsonl'), 'utf8');
  expect(journal).toContain('"verb":"vsphere upload"');
  expect(journal).not.toContain(PASSWORD);
});
