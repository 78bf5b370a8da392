import { z } from 'zod';

/** Release.yaml: what the OS is called and which version is being built. */
export const releaseSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, 'expected lower-case letters, digits and "-"')
    .describe('Short name: file names, os-release ID, and in capitals the partition labels'),
  'pretty-name': z.string().min(1).describe('Name for people'),
  migrations: z
    .record(
      z.string().regex(/^\(\d+\.\d+\.\d+, \d+\.\d+\.\d+\)$/, 'expected a pair of versions such as "(1.0.0, 1.1.0)"'),
      z.array(z.string().min(1)),
    )
    .optional()
    .describe(
      'Steps between versions that hosts may be at: "(from, to)" -> migrations, in the order they are run; none is said as []',
    ),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'expected major.minor.patch'),
});

export type Release = z.output<typeof releaseSchema>;
