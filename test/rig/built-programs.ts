import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { CHECKOUT, Rig } from './rig.ts';
import { SandboxRig } from './sandbox-rig.ts';

const built = z.object({
  type: z.literal('result'),
  data: z.object({ rpms: z.array(z.object({ path: z.string() })) }),
});

/** Programs as a package of this checkout has them, for this very machine, into a folder. */
export async function bringPrograms(dir: string, name: string, programs: readonly string[]): Promise<void> {
  // A checkout of its own: the caller's may stand for a user whose packages are none of ours.
  await using outside = await Rig.create({});
  const events = await outside.events('-C', CHECKOUT, 'build', '--package', name);
  const { data } = built.parse(events.at(-1));
  await using sdk = await SandboxRig.create();
  const unpack =
    'rpm2cpio /slipway/in/rpm > payload; cpio -idm --quiet < payload; cp */sys-root/usr/bin/* /slipway/out';
  const { result, task } = await sdk.run({
    argv: ['bash', '-euc', unpack],
    inputs: { '/slipway/in/rpm': await sdk.store.putFile(data.rpms[0]?.path ?? '') },
    outputs: { type: 'named', names: Object.fromEntries(programs.map((program) => [program, 'file'] as const)) },
  });
  for (const program of programs) {
    await copyFile(sdk.store.pathOf(result.output(task, program)), join(dir, program));
    await chmod(join(dir, program), 0o755);
  }
}
