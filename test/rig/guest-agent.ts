import type { NodeRig } from './node-rig.ts';

/** How VMware's agent fares on another machine: whether the journal tells why it was left alone at boot, and the status it ends with when started all the same. */
export async function askGuestAgent(rig: NodeRig): Promise<{ readonly reasonGiven: boolean; readonly status: number }> {
  const journal = await rig.ask('journalctl --boot --unit vmtoolsd --output cat');
  const { status } = await rig.machine.run('vmtoolsd');
  return { reasonGiven: journal.includes('ConditionVirtualization=vmware'), status };
}
