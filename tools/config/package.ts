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

const goVersion = z.string().regex(/^v\d+\.\d+\.\d+(-[\w.-]+)?(\+incompatible)?$/, 'expected a version such as v1.2.3');
const modulePath = z.string().regex(/^[\w.-]+(\/[\w.~-]+)*$/, 'expected a module path such as github.com/x/y');
/** A file that is there before its digest is known: `sources update` writes it. */
export const UNRESOLVED = '';

const goSource = z.strictObject({
  go: z
    .strictObject({
      module: modulePath.describe('Module of the program'),
      version: goVersion,
      packages: z
        .array(z.string().regex(/^(\.|[\w.-]+(\/[\w.-]+)*)$/, 'expected a path below the module, or "."'))
        .min(1)
        .describe('Packages to build, as paths below the module; "." is its own'),
      toolchain: z
        .string()
        .regex(/^\d+\.\d+(\.\d+)?$/, 'expected a version of Go such as 1.26.8')
        .describe('Go it is compiled by, one of tools/go/toolchains.yaml'),
      pins: z
        .record(modulePath, goVersion)
        .default({})
        .describe('Modules to take at another version than the program asks for'),
    })
    .describe('A Go program with all modules it is compiled of, as one archive'),
  sha512: sha512.default(UNRESOLVED).describe('Of the archive; "sources update" finds and writes it'),
});

/** packages/<name>/package.yaml. What the spec itself says (dependencies, subpackages) is not repeated here. */
export const packageSchema = z.strictObject({
  sources: z
    .array(z.union([debianSource, urlSource, goSource]))
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
/** A source that is one file somewhere. */
export type FileSource = Exclude<SourceManifest, { go: unknown }>;
export type GoSource = Extract<SourceManifest, { go: unknown }>;

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
  if ('go' in source) return `${goBundleName(source)}.tar`;
  return source.file ?? decodeURIComponent(new URL(source.url).pathname.split('/').at(-1) ?? '');
}

/** The directory in a bundle: name and version of the program, as upstream's own archives have it, such as `runc-1.3.6`. */
export function goBundleName({ go: { module, version } }: GoSource): string {
  const name = module.split('/').findLast((part) => !/^v\d+$/.test(part)) ?? module;
  return `${name}-${version.replace(/^v/, '').replace(/\+.*$/, '')}`;
}
