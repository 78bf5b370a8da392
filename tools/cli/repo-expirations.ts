import { parseOffset } from '../config/moment.ts';
import { BuildError, Drift } from '../errors.ts';
import { placesOf } from '../recipe/published.ts';
import { readRoots } from '../recipe/update-repo.ts';
import { formatTable } from '../report/format.ts';
import { loadRepository } from '../tuf/load.ts';
import { newest } from '../tuf/roots.ts';
import { nameOf, wardsOf } from './repo-wards.ts';
import type { TendFlags, Ward } from './repo-wards.ts';
import type { Session } from './session.ts';

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
  for (const ward of await wardsOf(session, flags)) rows.push(...(await expiriesOf(ward, now, seconds)));
  const table = formatTable(
    rows.map(({ repository, role, version, expires, state }) => [repository, `${role} ${version}`, expires, state]),
  );
  session.result(table, { roles: rows });
  const findings = rows.filter(({ state }) => state !== 'good').map(expiryFinding);
  if (findings.length > 0) throw new Drift(findings);
}

async function expiriesOf(ward: Ward, now: Date, seconds: number): Promise<readonly Expiry[]> {
  const { repo, fleet } = ward;
  const { metadata } = await placesOf(repo, fleet);
  const loaded = await loadRepository(metadata, { trusted: await readRoots(repo), expiry: 'ignore', now });
  if (loaded === 'absent')
    throw new BuildError('tuf/no-repository', `Cannot find repository ${metadata.address}: there is nothing`);
  const { roots, targets, delegated, snapshot, timestamp } = loaded;
  return [newest(roots), targets, ...delegated, snapshot, timestamp].map(({ role, signed: { version, expires } }) => {
    const leftMs = Date.parse(expires) - now.getTime();
    const soon = leftMs <= seconds * 1000 ? 'soon' : 'good';
    return {
      repository: nameOf(ward),
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
