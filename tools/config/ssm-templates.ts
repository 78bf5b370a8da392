import { z } from 'zod';

import { BuildError, throwAll } from '../errors.ts';
import { ARCHES } from './arch.ts';
import { suggest } from './suggest.ts';
import { readManifest } from './yaml.ts';

/** What templates may ask for. */
export const SSM_VARIABLES = ['variant', 'arch', 'image_id', 'image_name', 'image_version', 'region'] as const;
export type SsmVariable = (typeof SSM_VARIABLES)[number];

const templateSchema = z.strictObject({
  name: z.string().min(1).describe('Below aws.ssm-prefix; {variant}, {arch} and so on stand for what is published'),
  value: z.string().min(1),
  variants: z.array(z.string().min(1)).min(1).optional().describe('For these only'),
  arches: z
    .array(z.enum([...ARCHES, 'arm64']))
    .min(1)
    .optional()
    .describe('For these only'),
});

/** A file of SSM parameter templates. */
export const ssmTemplatesSchema = z.strictObject({ parameters: z.array(templateSchema).min(1) });

export type SsmTemplate = z.output<typeof templateSchema>;

/** The id and the version of an AMI, by variant, architecture and version. */
export const DEFAULT_SSM_TEMPLATES: readonly SsmTemplate[] = [
  { name: '{variant}/{arch}/{image_version}/image_id', value: '{image_id}' },
  { name: '{variant}/{arch}/{image_version}/image_version', value: '{image_version}' },
];

/** @throws BuildErrors all complaints, variables that there are not included */
export function readSsmTemplates(file: string): readonly SsmTemplate[] {
  const errors: BuildError[] = [];
  const manifest = readManifest(file, ssmTemplatesSchema, errors);
  for (const [index, template] of (manifest?.value.parameters ?? []).entries()) {
    for (const key of ['name', 'value'] as const) {
      for (const name of variablesOf(template[key]).filter((one) => !isVariable(one))) {
        errors.push(
          new BuildError(
            'config/unknown-variable',
            `Cannot render "{${name}}": expected one of ${SSM_VARIABLES.join(', ')}`,
            {
              at: manifest?.locate(['parameters', index, key]),
              hint: suggest(name, SSM_VARIABLES) ?? 'Write \\{ for a brace that is meant',
            },
          ),
        );
      }
    }
  }
  throwAll(errors);
  if (manifest === undefined) throw new TypeError('templates without complaints have a value');
  return manifest.value.parameters;
}

/** `{name}` is a variable, `\{` a brace. */
const VARIABLE = /\\(.)|\{([^{}]*)\}/g;

export function variablesOf(template: string): readonly string[] {
  return [...template.matchAll(VARIABLE)].flatMap(([, , name]) => (name === undefined ? [] : [name]));
}

export function renderTemplate(template: string, values: Readonly<Record<SsmVariable, string>>): string {
  return template.replaceAll(VARIABLE, (_, escaped: string | undefined, name: string | undefined) => {
    if (escaped !== undefined) return escaped;
    return name !== undefined && isVariable(name) ? values[name] : '';
  });
}

function isVariable(name: string): name is SsmVariable {
  return SSM_VARIABLES.some((known) => known === name);
}
