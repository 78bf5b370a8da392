/** Machines and templates made of an OVA: how things stand, and from there to how they should. */
import { writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';

import { z } from 'zod';

import { BuildError } from '../errors.ts';
import type { Json } from '../graph/task.ts';
import type { StepVoice } from '../publish/steps.ts';
import type { Govc } from './govc.ts';
import { copyOf, describeCopy } from './ova-file.ts';
import type { OvaFile } from './ova-file.ts';
import type { Field } from './places.ts';
import { asideName, assertNameFree, isAside } from './replacing.ts';
import type { Replacing } from './replacing.ts';
import type { Site } from './site.ts';
import { chain } from './steps.ts';
import type { Draft, SiteStep } from './steps.ts';
import { transferProgress } from './transfer.ts';

export interface MachineOrder extends Replacing {
  readonly ova: OvaFile;
  /** What the OVA is, for people. */
  readonly title: string;
  readonly kind: 'machine' | 'template';
  /** As vSphere calls it: flat, thin, thick ... */
  readonly diskProvisioning: string;
  /** A directory of this run's own. */
  readonly dir: string;
}

export const MACHINE_FIELDS: readonly Field[] = [
  'vsphere-url',
  'datacenter',
  'datastore',
  'network',
  'folder',
  'resource-pool',
];

const machineSchema = z.object({
  config: z.object({
    template: z.boolean(),
    annotation: z.string().optional(),
    hardware: z.object({ device: z.array(z.object({ capacityInBytes: z.number().optional() })) }),
  }),
  runtime: z.object({ powerState: z.string() }),
});
const answer = z.object({ virtualMachines: z.array(machineSchema).nullish() });

type FoundMachine = z.output<typeof machineSchema>;

/** Nothing, where it is there already. @throws BuildError vmware/name-taken, vmware/running, vmware/govc */
export async function planMachine(site: Site, order: MachineOrder): Promise<readonly SiteStep[]> {
  const [found, leftovers] = await Promise.all([findMachine(site, order.name), findLeftovers(site, order)]);
  const start = [...leftovers.map((path) => removal(site, path)), uploading(site, order)];
  if (found === undefined) return chain(site, [...start, renaming(site, order)]);
  const before = { kind: kindOf(found), ova: copyOf(found.config.annotation) ?? 'another' };
  if (before.kind === order.kind && before.ova === order.ova.sha256) return [];
  const origin = before.ova === order.ova.sha256 ? 'of the same OVA' : 'of another origin';
  assertNameFree(order, { site: site.name, what: `a ${before.kind} ${origin}` });
  if (found.runtime.powerState !== 'poweredOff') throw running(site, order);
  return chain(site, [...start, replacement(site, order, before), renaming(site, order)]);
}

/** Powered off is what a machine has to be for it. */
const DESTROY = ['Destroy_Task'];

function removal({ govc }: Site, path: string): Draft {
  return { action: 'remove-leftover', before: path, after: null, calls: DESTROY, perform: () => destroy(govc, path) };
}

function replacement(site: Site, { name }: MachineOrder, before: Json): Draft {
  const path = pathOf(site, name);
  return { action: 'remove-old', before, after: null, calls: DESTROY, perform: () => destroy(site.govc, path) };
}

async function destroy(govc: Govc, path: string): Promise<Json> {
  await govc.run(['object.destroy', path]);
  return null;
}

function renaming(site: Site, order: MachineOrder): Draft {
  const aside = pathOf(site, asideOf(order));
  const perform = async (): Promise<Json> => {
    await site.govc.run(['object.rename', aside, order.name]);
    return await readBack(site, order, order.name);
  };
  return { action: 'rename', before: aside, after: pathOf(site, order.name), calls: ['Rename_Task'], perform };
}

function uploading(site: Site, order: MachineOrder): Draft {
  const { ova, kind } = order;
  const { 'vsphere-url': _, library: _unused, ...where } = site.paths;
  return {
    action: 'upload',
    before: null,
    after: { name: asideOf(order), kind, ova: ova.sha256, ...where },
    calls: ['CreateImportSpec', 'ImportVApp', ...(kind === 'template' ? ['MarkAsTemplate'] : [])],
    perform: async (voice) => {
      await upload(site, order, voice);
      return await readBack(site, order, asideOf(order));
    },
  };
}

async function upload(site: Site, order: MachineOrder, voice: StepVoice): Promise<void> {
  const { ova, dir, kind, title, diskProvisioning } = order;
  const { govc, paths, name } = site;
  const options = join(dir, `${name.replaceAll('/', '_')}.json`);
  const spec = {
    DiskProvisioning: diskProvisioning,
    IPAllocationPolicy: 'dhcpPolicy',
    IPProtocol: 'IPv4',
    NetworkMapping: await mapNetworks(site, ova.path),
    Annotation: describeCopy(ova, title),
    MarkAsTemplate: kind === 'template',
    PowerOn: false,
  };
  await writeFile(options, JSON.stringify(spec));
  const { datacenter = '', datastore = '', folder = '', 'resource-pool': pool = '' } = paths;
  const where = ['-dc', datacenter, '-ds', datastore, '-folder', folder, '-pool', pool];
  await govc.run(
    ['import.ova', ...where, '-options', options, '-name', asideOf(order), ova.path],
    transferProgress(ova.members, voice),
  );
}

const specSchema = z.object({ NetworkMapping: z.array(z.object({ Name: z.string() })).nullish() });

/** Every network of the descriptor becomes the one of the datacenter. */
async function mapNetworks(
  { govc, paths: { network = '' } }: Site,
  ova: string,
): Promise<readonly { Name: string; Network: string }[]> {
  const { NetworkMapping: networks } = await govc.ask(specSchema, 'import.spec', ova);
  return (networks ?? []).map(({ Name }) => ({ Name, Network: network }));
}

async function findMachine(site: Site, name: string): Promise<FoundMachine | undefined> {
  const { datacenter = '' } = site.paths;
  const found = await site.govc.ask(answer, 'vm.info', '-dc', datacenter, pathOf(site, name));
  return found.virtualMachines?.[0];
}

/** Paths of machines that a run which ended early was at. */
async function findLeftovers(
  { govc, paths: { folder = '' } }: Site,
  { name }: MachineOrder,
): Promise<readonly string[]> {
  const below = await govc.ask(z.array(z.string()).nullable(), 'find', '-type', 'm', '-maxdepth', '1', folder);
  return (below ?? []).filter((path) => isAside(posix.basename(path), name));
}

function pathOf({ paths }: Site, name: string): string {
  return posix.join(paths.folder ?? '', name);
}

function asideOf({ name, kind, ova }: MachineOrder): string {
  return asideName(name, `${kind} ${ova.sha256}`);
}

function kindOf({ config }: FoundMachine): MachineOrder['kind'] {
  return config.template ? 'template' : 'machine';
}

/** What is there now is what was sent. @throws BuildError vmware/wrong-copy */
async function readBack(site: Site, { kind, ova }: MachineOrder, name: string): Promise<Json> {
  const machine = await findMachine(site, name);
  const found = {
    kind: machine === undefined ? 'nothing' : kindOf(machine),
    ova: copyOf(machine?.config.annotation) ?? 'another',
    diskBytes: machine?.config.hardware.device.flatMap(({ capacityInBytes }) => capacityInBytes ?? []) ?? [],
  };
  const wanted = { kind, ova: ova.sha256, diskBytes: [...ova.capacityBytes] };
  if (JSON.stringify(found) === JSON.stringify(wanted)) return { ...wanted, path: pathOf(site, name) };
  throw new BuildError(
    'vmware/wrong-copy',
    `Cannot trust "${pathOf(site, name)}" in "${site.name}": expected ${JSON.stringify(wanted)}, got ${JSON.stringify(found)}`,
    { hint: 'Look at its events in vSphere; run this again to upload anew' },
  );
}

function running(site: Site, { name }: MachineOrder): BuildError {
  const message = `Cannot replace "${pathOf(site, name)}" in "${site.name}": it is not powered off`;
  return new BuildError('vmware/running', message, {
    hint: 'Power it off, or give the new one another name by --name',
  });
}
