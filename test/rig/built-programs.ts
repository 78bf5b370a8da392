import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { CHECKOUT, type Rig } from './rig.ts';
import { SandboxRig } from './sandbox-rig.ts';

const built = z.object({
  type: z.literal('result'),
  data: z.object({ rpms: z.array(z.object({ path: z.string() })) }),
});

/** Programs as a package of this checkout has them, for this very machine, into the rig's folder. */
export async function bringPrograms(rig: Rig, name: string, programs: readonly string[]): Promise<void> {
  const events = await rig.events('-C', CHECKOUT, 'build', '--package', name);
  const { data } = built.parse(events.at(-1));
  const sdk = await SandboxRig.create();
  try {
    const { result, task } = await sdk.run({
      argv: [
        'bash',
        '-euc',
        'rpm2cpio /slipway/in/rpm > payload; cpio -idm --quiet < payload; cp */sys-root/usr/bin/* /slipway/out',
      ],
      inputs: { '/slipway/in/rpm': await sdk.store.putFile(data.rpms[0]?.path ?? '') },
      outputs: { type: 'named', names: Object.fromEntries(programs.map((program) => [program, 'file'] as const)) },
    });
    for (const program of programs) {
      await copyFile(sdk.store.pathOf(result.output(task, program)), join(rig.dir, program));
      await chmod(join(rig.dir, program), 0o755);
    }
  } finally {
    await sdk[Symbol.asyncDispose]();
  }
}
