import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { z } from 'zod';

import { BuildError } from '../errors.ts';
import { permissionSchema, sortPermissions } from './permissions.ts';
import { guard } from '../publish/journal.ts';

const amiSchema = z.strictObject({
  id: z.string().regex(/^ami-[0-9a-z]+$/, 'expected the id of an AMI'),
  name: z.string().min(1),
  public: z.boolean().default(false),
  launch_permissions: z.array(permissionSchema).nullable().default([]),
  /** As the AMI's tag has it. What other programs write has neither this nor `disks`. */
  content: z.string().optional(),
  /** Digest of the disks it was made from. */
  disks: z.string().optional(),
});
const fileSchema = z.record(z.string(), amiSchema);

export type Ami = z.output<typeof amiSchema>;
/** Region -> AMI. */
export type Amis = Readonly<Record<string, Ami>>;

/** amis.json: which AMI an image became in each region. A missing file is an empty one. @throws BuildError aws/bad-amis-file */
export function readAmis(path: string): Amis {
  if (!existsSync(path)) return {};
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new BuildError(
      'aws/bad-amis-file',
      `Cannot read "${path}": expected {region: {id, name, public, launch_permissions}}`,
      {
        cause,
        hint: 'Move it away and run "ami create" again: it finds the AMIs that are there and writes the file anew',
      },
    );
  }
}

/** Adds or replaces regions and keeps all others; written aside and renamed. */
export function updateAmis(path: string, changed: Amis, removed: readonly string[] = []): Amis {
  const all = { ...readAmis(path), ...changed };
  const left: Record<string, Ami> = {};
  for (const region of Object.keys(all).toSorted()) {
    const ami = all[region];
    if (ami === undefined || removed.includes(region)) continue;
    left[region] = { ...ami, launch_permissions: [...sortPermissions(ami.launch_permissions ?? [])] };
  }
  guard(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.part`, `${JSON.stringify(left, undefined, 2)}\n`);
    renameSync(`${path}.part`, path);
  });
  return left;
}

/**
 * The AMIs of these regions; all that are known unless told.
 * @throws BuildError aws/no-ami
 */
export function selectAmis(path: string, regions: readonly string[] | undefined): Amis {
  const all = readAmis(path);
  const hint = 'Make them: npx tsx Makefile.ts ami create';
  if (Object.keys(all).length === 0)
    throw new BuildError('aws/no-ami', `Cannot find the AMIs of this image: expected them in "${path}"`, { hint });
  const missing = (regions ?? []).filter((region) => all[region] === undefined);
  if (missing.length > 0)
    throw new BuildError(
      'aws/no-ami',
      `Cannot find an AMI in ${missing.join(', ')}: "${path}" has ${Object.keys(all).join(', ')}`,
      {
        hint,
      },
    );
  return regions === undefined
    ? all
    : Object.fromEntries(
        regions
          .map((region) => [region, all[region]] as const)
          .flatMap(([region, ami]) => (ami === undefined ? [] : [[region, ami]])),
      );
}

/** @throws BuildError aws/newer-image */
export function assertSameImage(path: string, amis: Amis, disks: string): void {
  const others = Object.entries(amis).filter(([, ami]) => ami.disks !== undefined && ami.disks !== disks);
  if (others.length === 0) return;
  throw new BuildError(
    'aws/newer-image',
    `Cannot take "${path}" for this image: it was built again since its AMIs were made in ${others.map(([region]) => region).join(', ')}`,
    { hint: 'Publish it first (ami create), or name the build that was published (--image <version>-<build>)' },
  );
}
