import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Variant } from '../config/variant.ts';
import { planLayout } from '../image/layout.ts';
import { diskSuffix, linkNames, OVA_SUFFIX, type ImageName } from '../image/names.ts';
import type { Artifact } from '../image/tasks.ts';
import { defaultTemplate } from '../vmware/default-template.ts';
import { OVA, ovaTask, type OvaDisk } from '../vmware/ova.ts';
import { renderOvf, type OvfFacts, type OvfTemplate } from '../vmware/ovf.ts';
import type { Workbench } from './workbench.ts';

export interface OvaImage {
  readonly variant: Variant;
  readonly name: ImageName;
  readonly artifacts: readonly Artifact[];
  /** Of a signed boot chain. */
  readonly certificates?: OvfFacts['certificates'];
}

/**
 * Finds what is wrong with a variant's template before anything is built.
 * @throws BuildErrors vmware/unknown-placeholder, vmware/unused-disk
 */
export function checkTemplate({ project: { release } }: Workbench, variant: Variant): void {
  const { format, layout, features } = variant.image;
  if (format !== 'vmdk') return;
  const disk = { file: 'disk.vmdk', fileBytes: 0, capacityBytes: 0 };
  const der = Buffer.alloc(0);
  renderOvf(readTemplate(variant), {
    name: variant.name,
    prettyName: release['pretty-name'],
    version: release.version,
    os: disk,
    data: layout.plan === 'split' ? disk : undefined,
    certificates: features['uefi-secure-boot'] ? { PK: der, KEK: der, db: der } : undefined,
  });
}

/** A variant's own description of its machine, beside its manifest. */
const TEMPLATE = 'template.ovf';

/** The artifacts of an image, and for one whose disks are VMDKs the OVA of them. */
export function withOva(
  { sandbox, imageTools: tools, project: { release } }: Workbench,
  { variant, name, artifacts, certificates }: OvaImage,
): readonly Artifact[] {
  const { image } = variant;
  if (image.format !== 'vmdk') return artifacts;
  const { disks, volumes } = planLayout({ image, osName: release.name });
  const [os, data] = disks.map((disk): OvaDisk => {
    const artifact = artifacts.find(({ suffix }) => suffix === diskSuffix(disk.key, image.format));
    if (artifact === undefined) throw new TypeError(`Expected an artifact of disk ${disk.key}`);
    const publishedGiB = disk.key === 'os' ? volumes.osGiB : (volumes.dataGiB ?? volumes.osGiB);
    return { ...artifact, sizeMiB: disk.sizeMiB, publishedGiB };
  });
  if (os === undefined) throw new TypeError('Expected an OS disk');
  // The name people write, with its version: what a machine made of it is called first.
  const [, , stem = ''] = linkNames(name, '');
  const facts = { name: stem, prettyName: release['pretty-name'], version: release.version, certificates };
  const template = readTemplate(variant);
  const task = ovaTask({ sandbox, tools, variant: variant.name, arch: name.arch, template, facts, os, data });
  return [...artifacts, { suffix: OVA_SUFFIX, task, output: OVA }];
}

function readTemplate({ path, image }: Variant): OvfTemplate {
  const file = join(path, TEMPLATE);
  if (existsSync(file)) return { file, text: readFileSync(file, 'utf8') };
  const text = defaultTemplate({ plan: image.layout.plan, secureBoot: image.features['uefi-secure-boot'] });
  return { file: undefined, text };
}
