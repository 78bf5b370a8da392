import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { BuildError, throwAll } from '../errors.ts';
import { infraSchema } from './infra.ts';
import type { Infra } from './infra.ts';
import { withDashes } from './dashes.ts';
import { checkManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { readToml } from './toml.ts';
import { readYaml } from './yaml.ts';

export interface ReadInfra extends Manifest<Infra> {
  readonly file: string;
  /** Paths in it are relative to this. */
  readonly dir: string;
}

/** The first that is there counts, whole. The other two are what pubsys reads: TOML, and a YAML that replaces it. */
const FILES = ['Infra.yaml', 'Infra.lock', 'Infra.toml'] as const;

/**
 * What `dir` says about infrastructure, or undefined where it says nothing.
 * @throws BuildErrors all complaints
 */
export function readInfra(dir: string, named?: string): ReadInfra | undefined {
  const file = named ?? FILES.map((name) => join(dir, name)).find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const errors: BuildError[] = [];
  const written = file.endsWith('.toml') ? readToml(file, errors) : readYaml(file, errors);
  const ours = written === undefined || file.endsWith('.yaml') ? written : withDashes(written);
  const infra = ours === undefined ? undefined : checkManifest(ours, infraSchema, errors);
  throwAll(errors);
  if (infra === undefined) throw new TypeError('a manifest without complaints has a value');
  return { ...infra, file, dir: dirname(file) };
}

/** @throws BuildError config/unknown-repo */
export function unknownRepo(name: string, { file, value }: ReadInfra): BuildError {
  const known = Object.keys(value.repo);
  const finding = known.length === 0 ? 'it names none' : `expected one of ${known.join(', ')}`;
  return new BuildError('config/unknown-repo', `Cannot find repository "${name}" in ${file}: ${finding}`, {
    hint: `Add it below "repo", or name another by --repo`,
  });
}
