import { join } from 'node:path';

import type { Project } from '../config/project.ts';
import type { Variant } from '../config/variant.ts';
import { BuildError } from '../errors.ts';
import { planLayout } from '../image/layout.ts';
import { fileName, OVA_SUFFIX } from '../image/names.ts';
import { readSums } from '../image/place.ts';
import { openOva } from '../vmware/ova-file.ts';
import type { OvaFile } from '../vmware/ova-file.ts';
import type { BuiltImage } from './publish-image.ts';

const GIB = 1024 ** 3;

/** The OVA of a built image, as SHA256SUMS vouches for it. @throws BuildError vmware/no-format, and what openOva throws */
export async function findOva(
  { name, dir }: BuiltImage,
  { project, variant }: { readonly project: Project; readonly variant: Variant },
): Promise<OvaFile> {
  const { image } = variant;
  if (image.format !== 'vmdk') {
    const message = `Cannot upload ${variant.name}: expected image.format vmdk, got ${image.format}`;
    throw new BuildError('vmware/no-format', message, {
      hint: `Set image.format in variants/${variant.name}/variant.yaml`,
    });
  }
  const { osGiB, dataGiB } = planLayout({ image, osName: project.release.name }).volumes;
  const file = fileName(name, OVA_SUFFIX);
  return await openOva(join(dir, file), {
    sha256: readSums(dir).get(file),
    capacityBytes: [osGiB, ...(dataGiB === undefined ? [] : [dataGiB])].map((gib) => gib * GIB),
  });
}
