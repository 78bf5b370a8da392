import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

import { readProject } from '../config/project.ts';
import { BuildError } from '../errors.ts';
import { optionalTargets } from '../recipe/built-update.ts';
import { runErrand } from '../recipe/errand.ts';
import { placesOf } from '../recipe/published.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { addressOf } from '../recipe/repo-address.ts';
import { openRepo, readRoots } from '../recipe/update-repo.ts';
import { formatBytes, formatTable } from '../report/format.ts';
import { downloadUpdate } from '../tuf/download.ts';
import { localPath } from '../tuf/open-place.ts';
import type { Place } from '../tuf/place.ts';
import { newest } from '../tuf/roots.ts';
import type { RootChain } from '../tuf/roots.ts';
import type { FleetFlags } from './repo-flags.ts';
import { surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';

export interface DownloadFlags extends FleetFlags {
  readonly version?: string;
  readonly out?: string;
}

export async function download(session: Session, flags: DownloadFlags): Promise<void> {
  const project = readProject(session.globals.directory);
  const variant = wantedVariant(project, flags.variant);
  const fleet = { variant: variant.name, arch: flags.arch ?? variant.arches[0] ?? 'x86_64' };
  const repo = await openRepo(flags, surroundingsOf(session));
  const address = addressOf(repo);
  const places = await placesOf(repo, fleet);
  const roots = await readRoots(repo);
  const outDir =
    flags.out === undefined
      ? join(project.dir, 'build', 'downloads', `${fleet.arch}-${fleet.variant}`)
      : resolve(flags.out);
  const request = {
    fleet,
    place: places.metadata,
    root: newest(roots).bytes,
    stateDir: join(session.host.cacheDir, 'tuf', memoryOf(places.metadata, roots)),
    version: flags.version,
    alsoNamed: (update: { readonly version: string; readonly images: { readonly boot: string } }) =>
      optionalTargets(fleet, update),
    targets: targetsOf(address.targets),
    outDir,
    partsDir: join(session.host.cacheDir, 'parts'),
    signal: session.signal,
  };
  const errand = { id: 'repo/download', title: `Download ${variant.name}`, unit: 'bytes' } as const;
  const { version, files } = await runErrand(session.sink, errand, (onProgress) =>
    downloadUpdate({ ...request, onProgress }),
  );
  const table = formatTable(
    files.map(({ name, size, fresh }) => [`  ${name}`, formatBytes(size), fresh ? 'was there' : '']),
  );
  session.result(`${variant.name} ${version} for ${fleet.arch}, in ${outDir}/\n${table}`, { ...fleet, version, files });
}

/** What was seen of a repository is remembered for its address and first root: another may come to the same address. */
function memoryOf({ address }: Pick<Place, 'address'>, [first]: RootChain): string {
  return createHash('sha256').update(address).update('\0').update(first.bytes).digest('hex').slice(0, 16);
}

function targetsOf(address: string): { address: string } | { dir: string } {
  if (/^https?:/.test(address)) return { address };
  const dir = localPath(address);
  if (dir !== undefined) return { dir };
  throw new BuildError('tuf/unknown-place', `Cannot download from "${address}": expected https://... or file:<dir>`, {
    hint: 'Name where hosts read it: --base https://...',
  });
}
