import { join } from 'node:path';

import { sourceFileName } from '../config/package.ts';
import type { Package } from '../config/package.ts';
import type { Located } from '../config/project.ts';
import { BuildError } from '../errors.ts';
import type { SpecFacts } from '../rpm/spec.ts';

export interface ReadPackage {
  readonly pkg: Located<Package>;
  /** Text of its spec. */
  readonly spec: string;
  /** What rpm says of it. */
  readonly facts: SpecFacts;
  /** Names of the files beside package.yaml. */
  readonly local: Iterable<string>;
}

/** What rpm would build, and yet would not be what was meant. */
export function checkPackage({ pkg, spec, facts, local }: ReadPackage): BuildError[] {
  return [...checkArchitecture(pkg, spec, facts), ...checkSources(pkg, facts.sources, local)];
}

/**
 * A spec that is `noarch` as a whole is read again by rpm for a machine of that name: every directory macro then leads into
 * the sysroot of `noarch`, which no image is made of. A subpackage that says so keeps the macros it was read with.
 */
function checkArchitecture(pkg: Located<Package>, spec: string, facts: SpecFacts): BuildError[] {
  if (!facts.subpackages.some(({ arch }) => arch === 'noarch')) return [];
  const lines = spec.split('\n');
  const end = lines.findIndex((line) => /^%(?:package|description|prep|build|install|files)\b/.test(line));
  const line = lines.slice(0, end).findIndex((text) => /^BuildArch(?:itectures)?\s*:/i.test(text));
  if (line === -1) return [];
  const message = `Cannot build package "${pkg.name}" as noarch: expected one sysroot for each architecture, and its files would be in that of none`;
  const at = { file: join(pkg.path, `${pkg.name}.spec`), line: line + 1, column: 1 };
  return [
    new BuildError('package/noarch', message, {
      at,
      hint: 'Leave BuildArch out: it is built once for each architecture',
    }),
  ];
}

/** Every Source and Patch of a spec is pinned in package.yaml or stands beside it, and no pin is left over. */
function checkSources(pkg: Located<Package>, specSources: readonly string[], local: Iterable<string>): BuildError[] {
  const pinned = pkg.sources.map(sourceFileName);
  const present = new Set([...pinned, ...local]);
  const missing = specSources.filter((file) => !present.has(file));
  const unused = pinned.flatMap((file, index) => (specSources.includes(file) ? [] : [{ file, index }]));
  return [
    ...missing.map(
      (file) =>
        new BuildError(
          'package/unpinned-source',
          `Cannot build package "${pkg.name}": its spec names "${file}", which is neither pinned nor beside it`,
          {
            at: pkg.locate(['sources']),
            hint: `Add "${file}" to sources with its sha512`,
          },
        ),
    ),
    ...unused.map(
      ({ file, index }) =>
        new BuildError(
          'package/unused-source',
          `Cannot build package "${pkg.name}": "${file}" is pinned, but its spec has no Source or Patch of that name`,
          {
            at: pkg.locate(['sources', index]),
            hint: 'Remove the pin or name the file in the spec',
          },
        ),
    ),
  ];
}
