/** Verbs that look at published repositories, one or all. */
import { parseOffset } from '../config/moment.ts';
import { readProject } from '../config/project.ts';
import { readInfra } from '../config/read-infra.ts';
import { BuildError, Drift } from '../errors.ts';
import { runErrand } from '../recipe/errand.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { placesOf, publishedFleets } from '../recipe/published.ts';
import { addressOf, openRepo, readRoots } from '../recipe/update-repo.ts';
import type { UpdateRepo } from '../recipe/update-repo.ts';
import { formatBytes, formatTable } from '../report/format.ts';
import { loadRepository } from '../tuf/load.ts';
import type { Fleet } from '../tuf/manifest.ts';
import { newest } from '../tuf/roots.ts';
import { validateRepository } from '../tuf/validate.ts';
import type { FleetFlags } from './repo-flags.ts';
import { surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';

export interface TendFlags extends FleetFlags {
  readonly all?: boolean;
}

/** A repository, and whose updates in it. */
interface Ward {
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

export async function validate(session: Session, flags: TendFlags & { readonly quick?: boolean }): Promise<void> {
  const findings: BuildError[] = [];
  const rows: { repository: string; targets: number; bytes: number; findings: number }[] = [];
  for (const { repo, fleet } of await wardsOf(session, flags)) {
    const name = `${repo.name}: ${fleet.variant} for ${fleet.arch}`;
    const places = await placesOf(repo, fleet);
    const options = {
      fleet,
      trusted: await readRoots(repo),
      now: new Date(),
      depth: flags.quick === true ? 'sizes' : 'hashes',
      signal: session.signal,
    } as const;
    const errand = { id: 'repo/validate', title: `Validate ${name}`, unit: 'bytes' } as const;
    const found = await runErrand(session.sink, errand, (onProgress) =>
      validateRepository(places, { ...options, onProgress }),
    );
    findings.push(...found.findings);
    rows.push({ repository: name, targets: found.targets, bytes: found.bytes, findings: found.findings.length });
  }
  const table = formatTable(
    rows.map(({ repository, targets, bytes, findings: count }) => [
      repository,
      `${targets} targets`,
      formatBytes(bytes),
      count === 0 ? 'good' : `${count} findings`,
    ]),
  );
  session.result(table, { repositories: rows });
  if (findings.length > 0) throw new Drift(findings);
}

export interface ExpirationFlags extends TendFlags {
  readonly within: string;
}

interface Expiry {
  readonly repository: string;
  readonly role: string;
  readonly version: number;
  readonly expires: string;
  readonly state: 'good' | 'soon' | 'expired';
}

export async function checkExpirations(session: Session, flags: ExpirationFlags): Promise<void> {
  const seconds = parseOffset(flags.within);
  if (seconds === undefined)
    throw new BuildError('cli/bad-offset', `Cannot read "${flags.within}": expected an offset such as "3 days"`);
  const now = new Date();
  const rows: Expiry[] = [];
  for (const { repo, fleet } of await wardsOf(session, flags))
    rows.push(...(await expiriesOf({ repo, fleet }, now, seconds)));
  const table = formatTable(
    rows.map(({ repository, role, version, expires, state }) => [repository, `${role} ${version}`, expires, state]),
  );
  session.result(table, { roles: rows });
  const findings = rows.filter(({ state }) => state !== 'good').map(expiryFinding);
  if (findings.length > 0) throw new Drift(findings);
}

async function expiriesOf({ repo, fleet }: Ward, now: Date, seconds: number): Promise<readonly Expiry[]> {
  const { metadata } = await placesOf(repo, fleet);
  const loaded = await loadRepository(metadata, { trusted: await readRoots(repo), expiry: 'ignore', now });
  if (loaded === 'absent')
    throw new BuildError('tuf/no-repository', `Cannot find repository ${metadata.address}: there is nothing`);
  const { roots, targets, delegated, snapshot, timestamp } = loaded;
  return [newest(roots), targets, ...delegated, snapshot, timestamp].map(({ role, signed: { version, expires } }) => {
    const leftMs = Date.parse(expires) - now.getTime();
    const soon = leftMs <= seconds * 1000 ? 'soon' : 'good';
    return {
      repository: `${repo.name}: ${fleet.variant} for ${fleet.arch}`,
      role,
      version,
      expires,
      state: leftMs <= 0 ? 'expired' : soon,
    };
  });
}

function expiryFinding({ repository, role, expires, state }: Expiry): BuildError {
  const finding = state === 'expired' ? `${role} expired at ${expires}` : `${role} expires at ${expires}`;
  const hint =
    role === 'root'
      ? 'Sign a new root: npx tsx Makefile.ts root rotate'
      : 'Sign anew, and publish: npx tsx Makefile.ts repo refresh';
  return new BuildError(
    state === 'expired' ? 'tuf/expired' : 'tuf/expires-soon',
    `Cannot rely on ${repository}: ${finding}`,
    { hint },
  );
}
