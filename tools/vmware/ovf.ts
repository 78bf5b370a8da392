/** An OVF descriptor from a template: `{{NAME}}` is replaced by what is known of the very image. */
import { BuildError, throwAll } from '../errors.ts';
import type { Location } from '../errors.ts';

export interface OvfTemplate {
  readonly text: string;
  /** Where it comes from; absent for our own. */
  readonly file: string | undefined;
}

export interface OvfDisk {
  /** File name in the archive. */
  readonly file: string;
  readonly fileBytes: number;
  /** Of the disk that a machine gets, in bytes: the image's own size or more. */
  readonly capacityBytes: number;
}

export interface OvfFacts {
  readonly name: string;
  readonly prettyName: string;
  readonly version: string;
  readonly os: OvfDisk;
  /** Under the plan `split`. */
  readonly data: OvfDisk | undefined;
  /** DER of what firmware is to know, where the boot chain is signed. */
  readonly certificates: { readonly PK: Buffer; readonly KEK: Buffer; readonly db: Buffer } | undefined;
}

/** SHA-256 of nothing: a list of what is refused may not be empty. */
const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * @throws BuildErrors vmware/unknown-placeholder, vmware/unused-disk
 */
export function renderOvf(template: OvfTemplate, facts: OvfFacts): string {
  const values = valuesOf(facts);
  const errors: BuildError[] = [];
  const used = new Set<string>();
  const text = template.text.replaceAll(/\{\{([^{}]*)\}\}/g, (_, name: string, offset: number) => {
    const value = values.get(name.trim());
    used.add(name.trim());
    if (value === undefined) errors.push(unknownPlaceholder(template, { name, offset, facts, values }));
    return escapeXml(value ?? '');
  });
  for (const disk of ['OS_DISK', ...(facts.data === undefined ? [] : ['DATA_DISK'])])
    if (!used.has(disk)) errors.push(unusedDisk(template, disk));
  throwAll(errors);
  return text;
}

function valuesOf({ name, prettyName, version, os, data, certificates }: OvfFacts): ReadonlyMap<string, string> {
  return new Map([
    ['NAME', name],
    ['PRETTY_NAME', prettyName],
    ['VERSION', version],
    ...diskValues('OS', os),
    ...(data === undefined ? [] : diskValues('DATA', data)),
    ...(certificates === undefined ? [] : certificateValues(certificates)),
  ]);
}

function diskValues(prefix: string, { file, fileBytes, capacityBytes }: OvfDisk): [string, string][] {
  return [
    [`${prefix}_DISK`, file],
    [`${prefix}_DISK_FILE_BYTES`, String(fileBytes)],
    [`${prefix}_DISK_BYTES`, String(capacityBytes)],
  ];
}

function certificateValues({ PK, KEK, db }: NonNullable<OvfFacts['certificates']>): [string, string][] {
  return [
    ['PK_CERT_DER_HEX', PK.toString('hex')],
    ['KEK_CERT_DER_HEX', KEK.toString('hex')],
    ['DB_CERT_DER_HEX', db.toString('hex')],
    ['DBX_EMPTY_HASH_HEX', EMPTY_HASH],
  ];
}

interface Unknown {
  readonly name: string;
  readonly offset: number;
  readonly facts: OvfFacts;
  readonly values: ReadonlyMap<string, string>;
}

function unknownPlaceholder(template: OvfTemplate, { name, offset, facts, values }: Unknown): BuildError {
  const message = `Cannot fill in "{{${name}}}": expected one of ${[...values.keys()].join(', ')}`;
  return new BuildError('vmware/unknown-placeholder', message, {
    at: locate(template, offset),
    hint: remedy(name, facts),
  });
}

function remedy(name: string, { data, certificates }: OvfFacts): string | undefined {
  if (name.startsWith('DATA_DISK') && data === undefined)
    return 'Under the plan "unified" there is no data disk: leave it out, or set image.layout.plan to split';
  if (name.includes('CERT') && certificates === undefined)
    return 'The image is not signed: leave certificates out, or set image.features.uefi-secure-boot to true';
  return undefined;
}

function unusedDisk(template: OvfTemplate, placeholder: string): BuildError {
  return new BuildError('vmware/unused-disk', `Cannot describe the machine: the template has no {{${placeholder}}}`, {
    at: locate(template, 0),
    hint: 'Each disk of the plan is a File and a Disk of the template',
  });
}

function locate({ file, text }: OvfTemplate, offset: number): Location | undefined {
  if (file === undefined) return undefined;
  const before = text.slice(0, offset).split('\n');
  return { file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function escapeXml(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
