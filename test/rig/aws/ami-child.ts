import { readFileSync } from 'node:fs';

import { z } from 'zod';

import { createAmis } from '../../../tools/aws/ami-apply.ts';
import type { DiskImage } from '../../../tools/aws/image-spec.ts';
import { Regions } from '../../../tools/aws/region.ts';
import { awsSchema } from '../../../tools/config/infra-aws.ts';
import { inspect } from 'node:util';

const jobSchema = z.object({
  disks: z.array(
    z.object({
      disk: z.enum(['os', 'data']),
      path: z.string(),
      sha256: z.string(),
      bytes: z.number(),
      volumeGiB: z.number(),
    }),
  ),
  config: awsSchema,
  stateDir: z.string(),
  amisPath: z.string(),
  patienceMs: z.number(),
});

export type AmiJob = z.input<typeof jobSchema>;

/** `ami create` of disks far smaller than a build's, in a process of its own that can be killed. */
const job = jobSchema.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
const [os, data] = job.disks;
if (os === undefined) throw new TypeError('Expected an OS disk');
const disks: readonly [DiskImage] | readonly [DiskImage, DiskImage] = data === undefined ? [os] : [os, data];
const signal = new AbortController().signal;
const regionNames = job.config.regions;
const roles = Object.entries(job.config.region).flatMap(([name, { role }]): [string, string][] =>
  role === undefined ? [] : [[name, role]],
);
const identity = {
  baseRegion: regionNames[0] ?? '',
  profile: undefined,
  role: job.config.role,
  regionRoles: new Map(roles),
};
try {
  await createAmis(
    {
      spec: {
        name: 'slipway-tiny-x86_64-v1.2.3-abc',
        description: 'tiny',
        osName: 'slipway',
        variant: 'aws-tiny',
        arch: 'x86_64',
        version: '1.2.3-abc',
        disks,
        uefiData: undefined,
        tpm: false,
        tags: job.config.tags,
      },
      config: job.config,
      regionNames,
      regions: new Regions({ identity, signal, patience: { attemptMs: 5000, totalMs: job.patienceMs } }),
      stateDir: job.stateDir,
      amisPath: job.amisPath,
      sink: () => undefined,
      signal,
    },
    { readBack: 'all' },
  );
  // Kibibytes, the most there ever were. (getrusage() would tell of whoever started this process, too.)
  process.stdout.write(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '');
} catch (error) {
  process.stderr.write(`${inspect(error, { depth: 4 })}\n`);
  process.exitCode = 1;
}
