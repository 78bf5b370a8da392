import type { SsmTemplate, SsmVariable } from '../config/ssm-templates.ts';
import { renderTemplate, variablesOf } from '../config/ssm-templates.ts';
import { BuildError, throwAll } from '../errors.ts';
import type { Amis } from './amis-file.ts';
import { ec2Arch } from './image-spec.ts';
import type { ImageSpec } from './image-spec.ts';
import { readParameters } from './parameters.ts';
import { inEachRegion } from './publication.ts';
import type { SsmPublication, Wanted } from './ssm-plan.ts';

export interface Naming {
  readonly templates: readonly SsmTemplate[];
  /** What all names begin with; empty for nothing. */
  readonly prefix: string;
  readonly variant: string;
  readonly arch: ImageSpec['arch'];
}

/** What the templates say of these AMIs. */
export function renderParameters(naming: Naming, amis: Amis, version: string): Wanted {
  return new Map(
    Object.entries(amis).map(([region, { id, name }]) => {
      const values = { ...valuesOf(naming, version), region, image_id: id, image_name: name };
      return [
        region,
        new Map(chosen(naming).map((one) => [fullName(naming, one.name, values), renderTemplate(one.value, values)])),
      ];
    }),
  );
}

/**
 * The values of one version under the names of another.
 * @throws BuildErrors what is missing at the source, and names that depend on more than the version
 */
export async function promoteParameters(
  publication: SsmPublication,
  naming: Naming,
  { source, target }: { source: string; target: string },
): Promise<Wanted> {
  throwAll(chosen(naming).flatMap((template) => unstable(template)));
  const found = await inEachRegion(publication, async (at) => {
    const pairs = chosen(naming).map(({ name }) =>
      [source, target].map((version) => fullName(naming, name, { ...valuesOf(naming, version), region: at.name })),
    );
    const values = await readParameters(
      at,
      pairs.map(([from = '']) => from),
    );
    const missing = pairs.flatMap(([from = '']) => (values.has(from) ? [] : [from]));
    throwAll(
      missing.map(
        (name) =>
          new BuildError('aws/no-source', `Cannot promote parameter "${name}" in ${at.name}: it is not there`, {
            hint: 'Write it first (ssm set), or name another --source',
          }),
      ),
    );
    return [at.name, new Map(pairs.map(([from = '', to = '']) => [to, values.get(from) ?? '']))] as const;
  });
  return new Map(found);
}

function unstable({ name }: SsmTemplate): BuildError[] {
  const others = variablesOf(name).filter((one) => one === 'image_id' || one === 'image_name');
  if (others.length === 0) return [];
  return [
    new BuildError(
      'aws/unstable-name',
      `Cannot promote "${name}": its name holds {${others.join('}, {')}}, which no version has`,
      { hint: 'Use {variant}, {arch}, {region} and {image_version} in names' },
    ),
  ];
}

function chosen({ templates, variant, arch }: Naming): readonly SsmTemplate[] {
  const spellings: readonly string[] = [arch, ec2Arch(arch)];
  return templates.filter(
    ({ variants, arches }) =>
      (variants?.includes(variant) ?? true) && (arches?.some((one) => spellings.includes(one)) ?? true),
  );
}

function valuesOf({ variant, arch }: Naming, version: string): Record<SsmVariable, string> {
  return { variant, arch: ec2Arch(arch), image_version: version, region: '', image_id: '', image_name: '' };
}

/** Prefix and name with one slash between them. */
function fullName({ prefix }: Naming, template: string, values: Readonly<Record<SsmVariable, string>>): string {
  const name = renderTemplate(template, values);
  return prefix === '' ? name : `${prefix.replace(/\/+$/, '')}/${name.replace(/^\/+/, '')}`;
}
