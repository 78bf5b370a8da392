import type { BuildError } from '../errors.ts';
import { Drift } from '../errors.ts';
import { runErrand } from '../recipe/errand.ts';
import { placesOf } from '../recipe/published.ts';
import { readRoots } from '../recipe/update-repo.ts';
import { formatBytes, formatTable } from '../report/format.ts';
import { validateRepository } from '../tuf/validate.ts';
import { nameOf, wardsOf } from './repo-wards.ts';
import type { TendFlags } from './repo-wards.ts';
import type { Session } from './session.ts';

export async function validate(session: Session, flags: TendFlags & { readonly quick?: boolean }): Promise<void> {
  const findings: BuildError[] = [];
  const rows: { repository: string; targets: number; bytes: number; findings: number }[] = [];
  for (const ward of await wardsOf(session, flags)) {
    const { repo, fleet } = ward;
    const name = nameOf(ward);
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
