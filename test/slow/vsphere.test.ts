import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { runCommand } from '../../tools/process/command.ts';
import { bringPrograms } from '../rig/built-programs.ts';
import { Rig } from '../rig/rig.ts';
import { tinyImage } from '../rig/tiny-image.ts';

const VARIANT = 'vmware-tiny';
const PASSWORD = 'correct horse battery staple';

let rig: Rig;
let ova: string;
let vcenter: Awaited<ReturnType<typeof startVcenter>>;

beforeAll(async () => {
  rig = await Rig.create(
    tinyImage(VARIANT, 'format: vmdk, layout: { plan: split, os: 1GiB, data: 1GiB, publish: 4GiB }'),
  );
  await rig.succeed('build', '--variant', VARIANT);
  ova = await realpath(
    join(rig.dir, 'build', 'images', `x86_64-${VARIANT}`, 'latest', `slipway-${VARIANT}-x86_64.ova`),
  );
  await bringPrograms(rig, 'govc', ['govc', 'vcsim']);
  vcenter = await startVcenter();
});

afterAll(async () => {
  await vcenter?.stop();
  await rig[Symbol.asyncDispose]();
});

async function startVcenter() {
  const child = spawn(join(rig.dir, 'vcsim'), ['2'], {
    env: { VCSIM_USERNAME: 'builder', VCSIM_PASSWORD: PASSWORD },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [url] = z.tuple([z.string()]).parse(await once(createInterface({ input: child.stdout }), 'line'));
  return {
    url,
    stop: async () => {
      child.stdin.end();
      await once(child, 'close');
    },
  };
}

/** What govc prints. */
async function govc(...argv: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const env = {
    HOME: rig.dir,
    GOVC_URL: vcenter.url,
    GOVC_USERNAME: 'builder',
    GOVC_PASSWORD: PASSWORD,
    GOVC_INSECURE: '1',
    GOVC_DATACENTER: 'DC1',
    GOVC_DATASTORE: 'LocalDS_0',
    GOVC_RESOURCE_POOL: '/DC1/host/DC1_C0/Resources',
  };
  const { status } = await runCommand([join(rig.dir, 'govc'), ...argv], { env, onLine: (line) => lines.push(line) });
  if (status !== 0) throw new Error(`govc ${argv.join(' ')}: ${lines.join('\n')}`);
  return lines.join('\n');
}

test('a vCenter takes the OVA, makes a template of it, and clones that', async () => {
  await govc('import.ova', '-name', 'node', ova);
  const machines = z.object({
    virtualMachines: z.array(
      z.object({
        config: z.object({
          name: z.string(),
          template: z.boolean(),
          hardware: z.object({
            numCPU: z.number(),
            memoryMB: z.number(),
            device: z.array(z.object({ capacityInKB: z.number().optional() })),
          }),
        }),
      }),
    ),
  });
  const [machine] = machines.parse(JSON.parse(await govc('vm.info', '-json', 'node'))).virtualMachines;
  expect(machine?.config).toMatchObject({ name: 'node', hardware: { numCPU: 2, memoryMB: 8192 } });
  const capacities = machine?.config.hardware.device.flatMap(({ capacityInKB }) => capacityInKB ?? []);
  // What a machine gets: the OS disk as it is, and data with the rest of what is published.
  expect(capacities).toEqual([1, 3].map((gib) => gib * 1024 ** 2));
  await govc('vm.markastemplate', 'node');
  await govc('vm.clone', '-vm', 'node', '-on=false', 'worker');
  const names = await Promise.all(
    ['node', 'worker'].map(async (name) => machines.parse(JSON.parse(await govc('vm.info', '-json', name)))),
  );
  expect(names.map(({ virtualMachines: [found] }) => found?.config.template)).toEqual([true, false]);
});

test('a content library takes the OVA', async () => {
  await govc('library.create', 'images');
  await govc('library.import', 'images', ova);
  expect(await govc('library.ls', '/images/*')).toContain(`/images/slipway-${VARIANT}-x86_64`);
});
