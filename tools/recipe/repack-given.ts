import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError, BuildErrors, throwAll } from '../errors.ts';
import { fileName, INVENTORY_SUFFIX, KMOD_KIT_SUFFIX, MIGRATIONS_SUFFIX, PACKAGES_SUFFIX } from '../image/names.ts';
import type { ImageName } from '../image/names.ts';
import type { FileOutput } from '../image/partitions.ts';
import type { Artifact } from '../image/tasks.ts';
import { parseRoot } from '../tuf/metadata.ts';
import { given, type GivenImage } from './given-image.ts';
import type { Workbench } from './workbench.ts';

export interface RepackRequest extends GivenImage {
  /** PEM certificates in place of those that the image trusts. */
  readonly caBundle?: string | undefined;
  /** root.json of the repository that the image takes updates from. */
  readonly updateRoot?: string | undefined;
  readonly addParameters: readonly string[];
  readonly removeParameters: readonly string[];
}

/** Where root has them, below its triple. */
const CA_BUNDLE = 'sys-root/usr/share/factory/etc/pki/tls/certs/ca-bundle.crt';
const UPDATE_ROOT = 'sys-root/usr/share/updog/root.json';

/** What is put into an image has to be what it says it is: nobody will look there before it is needed. */
export function checkFiles({ caBundle, updateRoot }: RepackRequest): void {
  throwAll([
    ...(caBundle === undefined ? [] : checkFile(caBundle, checkBundle)),
    ...(updateRoot === undefined ? [] : checkFile(updateRoot, checkUpdateRoot)),
  ]);
}

function checkFile(file: string, check: (file: string, bytes: Buffer) => readonly BuildError[]): readonly BuildError[] {
  if (existsSync(file)) return check(file, readFileSync(file));
  return [new BuildError('image/no-such-file', `Cannot read "${file}": it is not there`)];
}

function checkUpdateRoot(file: string, bytes: Buffer): readonly BuildError[] {
  try {
    parseRoot(bytes, { file });
    return [];
  } catch (error) {
    if (error instanceof BuildErrors) return error.errors;
    if (error instanceof BuildError) return [error];
    throw error;
  }
}

/** A certificate from its first line on; one whose last line is missing ends where the next begins. */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*(?:-----END CERTIFICATE-----)?/g;

function checkBundle(file: string, bytes: Buffer): readonly BuildError[] {
  const text = bytes.toString('latin1');
  const found = [...text.matchAll(CERTIFICATE)];
  if (found.length === 0)
    return [
      new BuildError(
        'image/not-certificates',
        `Cannot use "${file}" as CA bundle: expected certificates in PEM, got none`,
      ),
    ];
  return found
    .filter(([pem]) => !isCertificate(pem))
    .map(({ index }) => {
      const line = text.slice(0, index).split('\n').length;
      const message = `Cannot use "${file}" as CA bundle: expected a certificate (X.509)`;
      return new BuildError('image/not-certificates', message, { at: { file, line, column: 1 } });
    });
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** @throws BuildErrors image/no-parameter */
export function changeParameters(
  before: readonly string[],
  { addParameters, removeParameters }: RepackRequest,
): readonly string[] {
  throwAll(
    removeParameters
      .filter((word) => !before.includes(word))
      .map(
        (word) =>
          new BuildError(
            'image/no-parameter',
            `Cannot remove kernel parameter "${word}": the image has ${before.join(' ') || 'none'}`,
          ),
      ),
  );
  return [...before.filter((word) => !removeParameters.includes(word)), ...addParameters];
}

/** What stands beside an image and is about what does not change. */
export async function listsOf(
  bench: Workbench,
  { from }: RepackRequest,
  name: ImageName,
): Promise<readonly Artifact[]> {
  const there = [INVENTORY_SUFFIX, PACKAGES_SUFFIX, KMOD_KIT_SUFFIX, MIGRATIONS_SUFFIX]
    .map((suffix) => ({ suffix, path: join(from, fileName(name, suffix)) }))
    .filter(({ path }) => existsSync(path));
  return await Promise.all(
    there.map(async ({ suffix, path }) => ({
      suffix,
      ...(await given(bench, `given${suffix.replace(/\..*$/, '')}`, { path, name })),
    })),
  );
}

export async function filesOf(
  bench: Workbench,
  request: RepackRequest,
  triple: string,
): Promise<ReadonlyMap<string, FileOutput>> {
  const { caBundle, updateRoot, variant, arch } = request;
  const name = { osName: '', version: '', buildId: '', variant: variant.name, arch };
  const wanted = [
    ['ca-bundle', CA_BUNDLE, caBundle],
    ['update-root', UPDATE_ROOT, updateRoot],
  ] as const;
  const files = new Map<string, FileOutput>();
  for (const [kind, path, file] of wanted)
    if (file !== undefined) files.set(`${triple}/${path}`, await given(bench, `given-${kind}`, { path: file, name }));
  return files;
}
