import { z } from 'zod';

import { sizeMiB } from './size.ts';

const fileName = z
  .string()
  .regex(/^[^/\0]+$/, 'expected a file name without "/"')
  .refine((name) => name !== '.' && name !== '..', 'expected a file name');
const sha512 = z.string().regex(/^[0-9a-f]{128}$/, 'expected 128 lower-case hex digits (SHA-512)');

const address = z.url({ protocol: /^https?$/, error: 'expected an http or https address' });

const debianSource = z.strictObject({
  debian: z
    .strictObject({
      source: z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'expected the name of a Debian source package'),
      version: z.string().min(1).describe('Version of the source package, epoch included'),
      file: fileName.describe('One file of it: the upstream archive or the patch set'),
    })
    .describe('A file of a Debian source package'),
  sha512,
});

const urlSource = z.strictObject({
  url: address.describe('Upstream address'),
  mirrors: z.array(address).default([]),
  file: fileName.optional().describe('Name in the build; the last part of the address unless told'),
  sha512,
});

/** packages/<name>/package.yaml. What the spec itself says (dependencies, subpackages) is not repeated here. */
export const packageSchema = z.strictObject({
  sources: z
    .array(z.union([debianSource, urlSource]))
    .default([])
    .describe('Every file that enters the build, pinned'),
  build: z
    .strictObject({
      cores: z.int().min(1).optional().describe('Cores the build can keep busy; all unless told'),
      memory: sizeMiB().prefault('2GiB').describe('Memory the build needs at its peak'),
    })
    .prefault({}),
});

export type PackageManifest = z.output<typeof packageSchema>;
export type SourceManifest = PackageManifest['sources'][number];

export interface Package extends PackageManifest {
  /** Folder name, which is also the spec's. */
  readonly name: string;
  readonly path: string;
  /** package.yaml's own path, for messages. */
  readonly file: string;
}

/** The file name a source has in the build. */
export function sourceFileName(source: SourceManifest): string {
  if ('debian' in source) return source.debian.file;
  return source.file ?? decodeURIComponent(new URL(source.url).pathname.split('/').at(-1) ?? '');
}
