import type { Command } from 'commander';
import { Option } from 'commander';

import { libraryFields, planItem } from '../vmware/libraries.ts';
import { MACHINE_FIELDS, planMachine } from '../vmware/machines.ts';
import type { MachineOrder } from '../vmware/machines.ts';
import type { SiteStep } from '../vmware/steps.ts';
import { addTargetFlags } from './flags.ts';
import { example } from './help.ts';
import { inEach, openVsphere } from './open-vsphere.ts';
import type { OpenVsphere, VsphereFlags } from './open-vsphere.ts';
import { parseList } from './publish-flags.ts';
import { runPlan } from './run-plan.ts';
import type { RunVerb, Session } from './session.ts';

interface MachineFlags extends VsphereFlags {
  readonly diskProvisioning: string;
}

interface LibraryFlags extends VsphereFlags {
  readonly createLibrary?: boolean;
}

export function addVsphere(program: Command, run: RunVerb): void {
  const group = program.command('vsphere').description('Publish the OVA of an image to the datacenters of Infra.yaml');
  addMachineFlags(group.command('upload'))
    .description('Make a machine of the OVA in each datacenter, powered off')
    .addHelpText('after', example('vsphere upload --variant vmware-dev --plan', 'vsphere upload --variant vmware-dev'))
    .action((flags: MachineFlags) => run((session) => publishMachines(session, flags, 'machine')));
  addMachineFlags(group.command('template'))
    .description('Make a template of the OVA in each datacenter, to clone machines from')
    .addHelpText('after', example('vsphere template --variant vmware-dev --datacenters north,south'))
    .action((flags: MachineFlags) => run((session) => publishMachines(session, flags, 'template')));
  addVsphereFlags(group.command('content-library'))
    .description('Put the OVA into a content library of each vCenter')
    .option('--library <name>', 'the content library; as Infra.yaml says unless told')
    .option('--create-library', 'make the library where it is not there, on the datastore of Infra.yaml')
    .addHelpText('after', example('vsphere content-library --variant vmware-dev --library images'))
    .action((flags: LibraryFlags) => run((session) => publishItems(session, flags)));
}

function addVsphereFlags(command: Command): Command {
  return addTargetFlags(command)
    .option(
      '--image <version-build>',
      'which build, a folder below build/images/<arch>-<variant>/; the newest unless told',
    )
    .option(
      '--datacenters <list>',
      'datacenters of Infra.yaml, with commas between; all that it lists unless told',
      parseList,
    )
    .option('--infra <file>', 'another file than Infra.yaml of this checkout')
    .option('--name <name>', 'what it is called; <os>-<variant>-<arch>-v<version>-<build> unless told')
    .option('--replace', 'replace what has that name already')
    .option('--plan', 'look, and print what would be changed');
}

function addMachineFlags(command: Command): Command {
  return addVsphereFlags(command).addOption(
    new Option('--disk-provisioning <how>', 'how the datastore keeps the disks')
      .choices(['flat', 'thin', 'thick', 'eagerZeroedThick', 'monolithicSparse', 'monolithicFlat', 'sparse'])
      .default('flat'),
  );
}

async function publishMachines(session: Session, flags: MachineFlags, kind: MachineOrder['kind']): Promise<void> {
  await using opened = await openVsphere(session, flags, MACHINE_FIELDS);
  const { ova, name, title, dir, sites } = opened;
  const order = {
    ova,
    name,
    title,
    dir,
    kind,
    replace: flags.replace === true,
    diskProvisioning: flags.diskProvisioning,
  };
  const steps = await inEach(sites, (site) => planMachine(site, order));
  await finish(session, flags, { opened, verb: kind === 'template' ? 'template' : 'upload', steps: steps.flat() });
}

async function publishItems(session: Session, flags: LibraryFlags): Promise<void> {
  const createLibrary = flags.createLibrary === true;
  await using opened = await openVsphere(session, flags, libraryFields(createLibrary));
  const { ova, name, title, sites } = opened;
  const order = { ova, name, title, createLibrary, replace: flags.replace === true };
  const steps = await inEach(sites, (site) => planItem(site, order));
  await finish(session, flags, { opened, verb: 'content-library', steps: steps.flat() });
}

async function finish(
  session: Session,
  flags: VsphereFlags,
  { opened, verb, steps }: { opened: OpenVsphere; verb: string; steps: readonly SiteStep[] },
): Promise<void> {
  const { stateDir, name, sites } = opened;
  const { sink, signal } = session;
  const where = sites.map((site) => site.name).join(', ');
  await runPlan(
    session,
    { stateDir, sink, signal },
    {
      verb: `vsphere ${verb}`,
      mode: flags.plan === true ? 'print' : 'apply',
      steps,
      perform: async (step, voice) => await step.perform(voice),
      done: () =>
        steps.length === 0 ? `"${name}" is there already: ${where}` : `"${name}" is in ${where}, and was read back`,
    },
  );
}
