/** Which repositories a verb tends: one, or all. */
import { readProject } from '../config/project.ts';
import { readInfra } from '../config/read-infra.ts';
import { BuildError } from '../errors.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { publishedFleets } from '../recipe/published.ts';
import { addressOf } from '../recipe/repo-address.ts';
import { openRepo } from '../recipe/update-repo.ts';
import type { UpdateRepo } from '../recipe/update-repo.ts';
import type { Fleet } from '../tuf/manifest.ts';
import type { FleetFlags } from './repo-flags.ts';
import { surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';

export interface TendFlags extends FleetFlags {
  readonly all?: boolean;
}

/** A repository, and whose updates in it. */
export interface Ward {
  readonly repo: UpdateRepo;
  readonly fleet: Fleet;
}

/**
 * The one that flags name; with --all, every one of every repository that has been published.
 * @throws BuildError tuf/no-repository where that is none: a wrong address is not to pass for a good state
 */
export async function wardsOf(session: Session, flags: TendFlags): Promise<readonly Ward[]> {
  const project = readProject(session.globals.directory);
  if (flags.all !== true) {
    const variant = wantedVariant(project, flags.variant);
    const fleet = { variant: variant.name, arch: flags.arch ?? variant.arches[0] ?? 'x86_64' };
    return [{ repo: await openRepo(flags, surroundingsOf(session)), fleet }];
  }
  const infra = readInfra(session.globals.directory, flags.infra);
  const names = flags.repo === undefined ? Object.keys(infra?.value.repo ?? {}) : [flags.repo];
  const wards: Ward[] = [];
  const empty: string[] = [];
  for (const name of names.length === 0 ? [undefined] : names) {
    const repo = await openRepo({ ...flags, repo: name }, surroundingsOf(session));
    const fleets = await publishedFleets(repo, project);
    if (fleets.length === 0) empty.push(`"${repo.name}" at ${addressOf(repo).metadata}`);
    wards.push(...fleets.map((fleet) => ({ repo, fleet })));
  }
  if (wards.length === 0)
    throw new BuildError('tuf/no-repository', `Cannot find any repository: there is nothing of ${empty.join(', ')}`);
  for (const each of empty) session.sink({ type: 'warning', message: `Nothing is published of repository ${each}` });
  return wards;
}

/** As a table names it. */
export function nameOf({ repo, fleet }: Ward): string {
  return `${repo.name}: ${fleet.variant} for ${fleet.arch}`;
}
