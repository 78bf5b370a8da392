import { expect } from 'vitest';

import type { NodeRig } from './node-rig.ts';

/** VMware's agent on any other machine: it is left alone at boot with the reason in the journal, and ends at once where it is started all the same. */
export async function expectIdleAgent(rig: NodeRig): Promise<void> {
  expect(await rig.ask('journalctl --boot --unit vmtoolsd --output cat')).toContain('ConditionVirtualization=vmware');
  expect((await rig.machine.run('vmtoolsd')).status).toBe(1);
}
