import { expect, test } from 'vitest';
import { z } from 'zod';

import { runHere } from '../rig/here.ts';
import { buildAsArm64 } from '../rig/other-host.ts';
import { CHECKOUT } from '../rig/rig.ts';

const result = z.object({
  type: z.literal('result'),
  data: z.object({ rpms: z.array(z.object({ file: z.string(), sha256: z.string() })) }),
});

/** As near to an arm64 host as a machine of another kind gets: the SDK of its lock, the programs of which an emulator runs. */
test.each(['x86_64', 'aarch64'] as const)('an arm64 host builds the same packages for %s', async (arch) => {
  const theirs = await buildAsArm64('zlib', arch);
  const { stdout } = await runHere(CHECKOUT, ['build', '--package', 'zlib', '--arch', arch, '--json']);
  const { rpms } = result.parse(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).data;
  expect(theirs).toEqual(Object.fromEntries(rpms.map(({ file, sha256 }) => [file, sha256])));
});

/** Debian compiles these for each kind of host anew, so the bytes differ. */
test.each(['x86_64', 'aarch64'] as const)('and finds what its compiler for %s brings with it', async (arch) => {
  expect(Object.keys(await buildAsArm64('libgcc', arch)).toSorted()).toEqual([
    `slipway-libgcc-14.2.0-1.${arch}.rpm`,
    `slipway-libstdc++-14.2.0-1.${arch}.rpm`,
    `slipway-libstdc++-devel-14.2.0-1.${arch}.rpm`,
  ]);
});
