import { z } from 'zod';

const rootPath = z
  .string()
  .regex(
    /^(?!\/)(?!(.*\/)?\.\.?(\/|$))[^\0]+$/,
    'expected a path inside the root, without "/" in front and without ".."',
  );

/** tools/sdk/<root>.yaml: what a tool root is to hold. What it does hold, to the byte, is in its lock. */
export const requestSchema = z.strictObject({
  suite: z.string().regex(/^[a-z]+$/, 'expected the name of a Debian release'),
  packages: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'expected the name of a Debian package')).min(1),
  links: z
    .record(rootPath, z.string().min(1))
    .default({})
    .describe('Links that maintainer scripts would have made: path -> target'),
  join: z
    .record(rootPath, z.strictObject({ below: rootPath, suffix: z.string().min(1) }))
    .default({})
    .describe('Files joined from others, sorted by path'),
  drop: z.array(rootPath).default([]).describe('Paths left out when unpacking; `*` matches within them'),
});

export type Request = z.output<typeof requestSchema>;
