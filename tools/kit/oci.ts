/** The kernel-module kit as a container image, for those who build in containers. */
import { readFileSync } from 'node:fs';

import type { Task } from '../graph/task.ts';
import { actionTask } from '../sandbox/action-task.ts';
import { KMOD_KIT } from './kmod-kit.ts';
import type { KitBench } from './kmod-kit.ts';

/** The output of the task: an OCI image layout in a tar. */
export const KIT_OCI = 'kit.oci.tar';

const STEP = readFileSync(new URL('oci.sh', import.meta.url), 'utf8');

export function ociTask({ sandbox, tools, arch, kernel, kit }: KitBench & { readonly kit: Task }): Task {
  return actionTask({
    sandbox,
    id: `kmod-kit-oci/${kernel}.${arch}`,
    title: `Make a container image of the kernel-module kit of ${kernel}`,
    needs: [...tools.tasks, kit],
    cost: { cores: 1, memoryMiB: 512 },
    action: (inputs) => ({
      argv: ['bash', '-euo', 'pipefail', '/slipway/step/oci.sh'],
      env: {},
      layers: tools.layers(inputs),
      inputs: { '/slipway/step/oci.sh': { type: 'text', text: STEP }, '/slipway/in/kit': inputs.output(kit, KMOD_KIT) },
      outputs: { type: 'named', names: { [KIT_OCI]: 'file' } },
    }),
  });
}
