import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError, throwAll } from '../errors.ts';
import type { Location } from '../errors.ts';
import { packageSchema } from './package.ts';
import type { Package } from './package.ts';
import { releaseSchema } from './release.ts';
import type { Release } from './release.ts';
import { variantSchema } from './variant.ts';
import type { Variant } from './variant.ts';
import { suggest } from './suggest.ts';
import { readManifest } from './yaml.ts';

/** A checkout: everything its manifests say. */
export interface Project {
  readonly dir: string;
  readonly release: Release;
  readonly variants: ReadonlyMap<string, Located<Variant>>;
  readonly packages: ReadonlyMap<string, Located<Package>>;
}

export type Located<T> = T & { readonly locate: (path: readonly PropertyKey[]) => Location };

/**
 * Reads Release.yaml and every manifest below variants/ and packages/.
 * @throws BuildErrors all complaints of all files
 */
export function readProject(dir: string): Project {
  const errors: BuildError[] = [];
  const release = readManifest(join(dir, 'Release.yaml'), releaseSchema, errors);
  const variants = new Map<string, Located<Variant>>();
  const packages = new Map<string, Located<Package>>();
  for (const [name, path] of folders(join(dir, 'variants'))) {
    const manifest = readManifest(join(path, 'variant.yaml'), variantSchema, errors);
    errors.push(...checkVariantName(name, path));
    if (manifest) variants.set(name, { ...manifest.value, name, path, locate: manifest.locate });
  }
  for (const [name, path] of folders(join(dir, 'packages'))) {
    const file = join(path, 'package.yaml');
    const manifest = readManifest(file, packageSchema, errors);
    const spec = join(path, `${name}.spec`);
    if (!existsSync(spec))
      errors.push(new BuildError('config/no-spec', `Cannot find the spec of package "${name}": expected ${spec}`));
    if (manifest) packages.set(name, { ...manifest.value, name, path, file, locate: manifest.locate });
  }
  throwAll(errors);
  if (release === undefined) throw new TypeError('a release without complaints has a value');
  return { dir, release: release.value, variants, packages };
}

/** @throws BuildError config/unknown-variant */
export function findVariant(project: Project, name: string): Located<Variant> {
  const variant = project.variants.get(name);
  if (variant !== undefined) return variant;
  const known = [...project.variants.keys()];
  throw new BuildError('config/unknown-variant', `Cannot find variant "${name}": expected one of ${known.join(', ')}`, {
    hint: suggest(name, known) ?? `Write variants/${name}/variant.yaml`,
  });
}

function checkVariantName(name: string, path: string): BuildError[] {
  const parts = name.split('-');
  if (parts.length >= 2 && parts.every((part) => part !== '')) return [];
  const message = `Cannot read variant "${path}": expected a folder name such as platform-runtime[-version[-flavor]], got "${name}"`;
  return [new BuildError('config/variant-name', message)];
}

function folders(dir: string): [name: string, path: string][] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry): [string, string] => [entry.name, join(dir, entry.name)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}
