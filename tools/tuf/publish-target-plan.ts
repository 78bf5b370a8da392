/** What publishing would do with each target: the same bytes go to a place once, under however many names. */
import { join } from 'node:path';

import { BuildError, throwAll } from '../errors.ts';
import { DirectoryPlace } from './directory.ts';
import type { Targets } from './metadata.ts';
import { inParallel } from './parallel.ts';
import type { LocalFile, Place, Stat } from './place.ts';
import type { SignedRole } from './role.ts';
import { targetFileName, targetNameComplaint } from './targets.ts';

/** What becomes of one object. */
export interface Step {
  readonly path: string;
  readonly what: 'add' | 'change' | 'keep';
  readonly size: number;
}

export interface TargetStep extends Step {
  /** Undefined where the object is there and this machine has no copy. */
  readonly file: LocalFile | undefined;
  /** The path of another that holds the same bytes and is there, or is sent before: this one is copied from it, where the place can. */
  readonly copyOf: string | undefined;
}

const PARALLEL = 8;

/** Every target that a role names: from `dir`, or there already. @throws BuildErrors tuf/half-repository, tuf/bad-target-name */
export async function planTargets(
  dir: string,
  roles: readonly SignedRole<Targets>[],
  place: Place,
): Promise<readonly TargetStep[]> {
  const named = roles.flatMap(({ signed }) => Object.entries(signed.targets));
  // A partner to whom targets are delegated names files too, and each becomes a path here and there.
  throwAll(named.flatMap(([name]) => targetNameComplaint(name) ?? []));
  const wanted = new Map(
    named.map(([name, { hashes, length }]) => {
      const path = targetFileName(hashes.sha256, name);
      return [path, { path, sha256: hashes.sha256, size: length }];
    }),
  );
  const here = new DirectoryPlace(dir);
  const steps = await inParallel(
    [...wanted.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    PARALLEL,
    async (target) => {
      const [local, there] = await Promise.all([here.stat(target.path), place.stat(target.path)]);
      const file = local === undefined ? undefined : { ...target, path: join(dir, target.path) };
      return planTarget(target, { file, there, address: place.address });
    },
  );
  return withCopies(steps);
}

type Planned = Omit<TargetStep, 'copyOf'> & { readonly sha256: string };

function planTarget(
  { path, sha256, size }: LocalFile,
  { file, there, address }: { file: LocalFile | undefined; there: Stat | undefined; address: string },
): Planned {
  const finding = findingOf(there, { sha256, size });
  if (finding === undefined) return { path, what: 'keep', size, sha256, file };
  if (file !== undefined) return { path, what: there === undefined ? 'add' : 'change', size, sha256, file };
  throw new BuildError(
    'tuf/half-repository',
    `Cannot publish over ${address}/${path}: the repository names it, ${finding}, and there is no copy here`,
  );
}

function findingOf(there: Stat | undefined, { sha256, size }: Omit<LocalFile, 'path'>): string | undefined {
  if (there === undefined) return 'it is not there';
  if (there.size !== size) return `it has ${there.size} bytes and not ${size}`;
  return (there.sha256 ?? sha256) === sha256 ? undefined : `its SHA-256 is ${there.sha256}`;
}

function withCopies(steps: readonly Planned[]): readonly TargetStep[] {
  const bySha256 = Map.groupBy(steps, ({ sha256 }) => sha256);
  return steps.map(({ sha256, ...step }) => {
    const same = bySha256.get(sha256) ?? [];
    const source = same.find(({ what }) => what === 'keep') ?? same[0];
    const copied = step.what !== 'keep' && source !== undefined && source.path !== step.path;
    return { ...step, copyOf: copied ? source.path : undefined };
  });
}
