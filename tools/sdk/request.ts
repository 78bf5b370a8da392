import { z } from 'zod';

import { HOSTS } from './host.ts';
import type { Host } from './host.ts';

const rootPath = z
  .string()
  .regex(
    /^(?!\/)(?!(.*\/)?\.\.?(\/|$))[^\0]+$/,
    'expected a path inside the root, without "/" in front and without ".."',
  );

const packages = z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'expected the name of a Debian package'));
const links = z
  .record(rootPath, z.string().min(1))
  .default({})
  .describe('Links that maintainer scripts would have made: path -> target');

/** tools/sdk/<root>.yaml: what a tool root is to hold. What it does hold, to the byte, is in the lock of each host. */
export const requestSchema = z.strictObject({
  suite: z.string().regex(/^[a-z]+$/, 'expected the name of a Debian release'),
  packages: packages.min(1),
  links,
  hosts: z
    .partialRecord(z.enum(HOSTS), z.strictObject({ packages: packages.default([]), links }))
    .default({})
    .describe('What a root has besides on one kind of host: what is a cross compiler there is the own one elsewhere'),
  join: z
    .record(rootPath, z.strictObject({ below: rootPath, suffix: z.string().min(1) }))
    .default({})
    .describe('Files joined from others, sorted by path'),
  drop: z.array(rootPath).default([]).describe('Paths left out when unpacking; `*` matches within them'),
});

/** What one host asks for. */
export type Request = Omit<z.output<typeof requestSchema>, 'hosts'>;

export function requestOf({ hosts, ...common }: z.output<typeof requestSchema>, host: Host): Request {
  const own = hosts[host];
  if (own === undefined) return common;
  return {
    ...common,
    packages: [...common.packages, ...own.packages],
    links: { ...common.links, ...own.links },
  };
}
