import { z } from 'zod';

import { ARCHES } from './arch.ts';
import { sizeMiB } from './size.ts';

const layout = z
  .strictObject({
    plan: z.enum(['split', 'unified']).default('split').describe('split: OS and data on two disks; unified: on one'),
    os: sizeMiB({ multipleOf: 1024 }).prefault('2GiB').describe('Size of the OS disk; partitions scale with it'),
    data: sizeMiB({ multipleOf: 1024 }).prefault('1GiB').describe('Size of the data disk or area in the image'),
    publish: sizeMiB({ multipleOf: 1024 }).prefault('22GiB').describe('Size of the volumes a published image asks for'),
  })
  .prefault({});

const features = z
  .strictObject({
    'in-place-updates': z.boolean().default(true).describe('Two banks of partitions; off: one bank of double size'),
    'erofs-root': z.boolean().default(true).describe('Root as erofs; off: ext4'),
    'uefi-secure-boot': z.boolean().default(false).describe('Sign the boot chain'),
  })
  .prefault({});

/** variants/<name>/variant.yaml. The variant's name is its folder's: platform-runtime[-version[-flavor]]. */
export const variantSchema = z.strictObject({
  arches: z.array(z.enum(ARCHES)).min(1).describe('Architectures this variant is built for'),
  packages: z.array(z.string().min(1)).min(1).describe('Packages to install, with all they require'),
  'kernel-parameters': z.array(z.string()).default([]).describe('First words of the kernel command line'),
  image: z
    .strictObject({
      format: z.enum(['raw', 'qcow2', 'vmdk']).default('raw').describe('Form of the published disks'),
      layout,
      features,
    })
    .prefault({}),
});

export type VariantManifest = z.output<typeof variantSchema>;
export type ImageManifest = VariantManifest['image'];

export interface Variant extends VariantManifest {
  /** Folder name, e.g. `aws-k8s-1.21`. */
  readonly name: string;
  readonly path: string;
}

/** What a variant runs on, such as `vmware`: the first part of its name. */
export function platformOf({ name }: Pick<Variant, 'name'>): string {
  return name.split('-')[0] ?? name;
}
