/** What an image is made of, package by package, and how that differs from the image before. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { linkNames, PACKAGES_SUFFIX, variantDirectory, type ImageName } from './names.ts';

const contentsSchema = z.array(
  z.object({ name: z.string(), /** `version-release` */ version: z.string(), bytes: z.number() }),
);

/** Sorted by name. Bytes are those of the installed files. */
export type Contents = z.output<typeof contentsSchema>;

/** Contents of the newest image of a variant in a checkout; undefined where there is none. */
export function readContents(name: ImageName, dir: string): Contents | undefined {
  const [unversioned = ''] = linkNames(name, PACKAGES_SUFFIX);
  const path = join(dir, 'build', 'images', variantDirectory(name), 'latest', unversioned);
  if (!existsSync(path)) return undefined;
  return contentsSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
}

export interface ContentChange {
  readonly name: string;
  /** Absent in an image that lacks the package. */
  readonly before?: Contents[number] | undefined;
  readonly after?: Contents[number] | undefined;
}

/** Packages of which version or size differ, by name. */
export function compareContents(before: Contents, after: Contents): readonly ContentChange[] {
  const old = new Map(before.map((content) => [content.name, content]));
  const now = new Map(after.map((content) => [content.name, content]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .toSorted()
    .map((name) => ({ name, before: old.get(name), after: now.get(name) }))
    .filter(
      (change) => change.before?.version !== change.after?.version || change.before?.bytes !== change.after?.bytes,
    );
}
