import { existsSync } from 'node:fs';

import { z } from 'zod';

import { throwAll } from '../errors.ts';
import type { BuildError } from '../errors.ts';
import { sizeMiB } from './size.ts';
import { readManifest } from './yaml.ts';

const address = z.url({ protocol: /^https?$/, error: 'expected an http or https address' });

/** ~/.config/slipway/config.yaml: what belongs to a person or a machine, never to a result. */
export const userSchema = z.strictObject({
  lookaside: z.array(address).default([]).describe('Mirrors of sources, asked first: <mirror>/<name>/<sha512>/<name>'),
  'debian-mirrors': z
    .array(address)
    .default([])
    .describe('Debian mirrors, asked before the ones this host is set up for'),
  cores: z.int().min(1).optional().describe('Cores to build with; all unless told'),
  memory: sizeMiB().optional().describe('Memory to build with; three quarters of the machine unless told'),
});

export type UserConfig = z.output<typeof userSchema>;

/** A missing file is an empty one. */
export function readUserConfig(file: string): UserConfig {
  if (!existsSync(file)) return userSchema.parse({});
  const errors: BuildError[] = [];
  const manifest = readManifest(file, userSchema, errors);
  throwAll(errors);
  if (manifest === undefined) throw new TypeError('a manifest without complaints has a value');
  return manifest.value;
}
