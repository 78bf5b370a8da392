/** What has to hold of an edition before anybody signs it. */
import { BuildError } from '../errors.ts';
import type { Edition } from './edition.ts';
import type { TargetFiles } from './editor.ts';
import { MANIFEST_TARGET } from './manifest.ts';
import type { Fleet, UpdateManifest } from './manifest.ts';
import type { StagedTarget } from './targets.ts';

/** Hosts and caches know a target by its name: one name never stands for two contents. */
export function assertSameBytes(before: TargetFiles, staged: readonly StagedTarget[]): void {
  for (const { name, hash } of staged) {
    const there = before[name]?.hashes.sha256;
    if (there === undefined || there === hash) continue;
    throw new BuildError(
      'tuf/target-differs',
      `Cannot add target "${name}": the repository has one of that name with SHA-256 ${there}, and this one has ${hash}`,
      {
        hint: 'Commit, so that the build has a name of its own; or, if no host can have taken it yet, add --replace-update',
      },
    );
  }
}

/** Of all targets there will be, those of others' roles included: clients look there too. */
export function namesOf(targets: TargetFiles, { base }: Edition): ReadonlySet<string> {
  const delegated = base?.delegated.flatMap(({ signed }) => Object.keys(signed.targets)) ?? [];
  return new Set([...Object.keys(targets), ...delegated]);
}

/** Every image and migration that the manifest names has to be there. */
export function assertImages(
  { updates, migrations }: UpdateManifest,
  names: ReadonlySet<string>,
  { variant, arch }: Fleet,
): void {
  const images = updates
    .filter((update) => update.variant === variant && update.arch === arch)
    .flatMap(({ images: { boot, root, hash } }) => [boot, root, hash]);
  const missing = [...images, ...Object.values(migrations).flat()].filter((name) => !names.has(name));
  if (missing.length === 0) return;
  throw new BuildError(
    'tuf/missing-target',
    `Cannot write ${MANIFEST_TARGET}: it names targets that are not there: ${[...new Set(missing)].join(', ')}`,
  );
}
