import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { runCommand } from '../../tools/process/command.ts';
import { firstEdition, openEdition } from '../../tools/tuf/edition.ts';
import { renewEdition, writeEdition } from '../../tools/tuf/write-edition.ts';
import type { WriteEditionOptions } from '../../tools/tuf/write-edition.ts';
import { DirectoryPlace } from '../../tools/tuf/directory.ts';
import { localSigner } from '../../tools/tuf/file-key.ts';
import { EMPTY_MANIFEST } from '../../tools/tuf/manifest.ts';
import { initRoot } from '../../tools/tuf/root-edit.ts';
import { signRole } from '../../tools/tuf/role.ts';
import type { RootChain } from '../../tools/tuf/roots.ts';
import { identified } from '../../tools/tuf/signer.ts';
import type { IdentifiedSigner } from '../../tools/tuf/signer.ts';
import type { TargetSource } from '../../tools/tuf/targets.ts';
import { authorityOf } from '../../tools/tuf/trust.ts';
import { validateRepository } from '../../tools/tuf/validate.ts';

const FLEET = { variant: 'bench', arch: 'x86_64' } as const;
const WEEK_SECONDS = 7 * 86_400;
/** Count and size of the targets: 1,000 of them, 139 MiB. */
const MIX = [
  [900, 16 << 10],
  [90, 512 << 10],
  [10, 8 << 20],
] as const;

export interface Seconds {
  readonly create: number;
  readonly refresh: number;
  readonly validate: number;
}

/** Files of mixed size, none like another. */
export function makeTargets(dir: string): readonly TargetSource[] {
  mkdirSync(dir, { recursive: true });
  return MIX.flatMap(([count, bytes]) =>
    Array.from({ length: count }, (_, index) => {
      const name = `target-${bytes}-${index}`;
      writeFileSync(join(dir, name), Buffer.alloc(bytes, `${name} `));
      return { name, path: join(dir, name) };
    }),
  );
}

/** One target of 1 GiB, which takes no room. */
export function makeLargeTarget(dir: string): readonly TargetSource[] {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'large');
  writeFileSync(path, '');
  truncateSync(path, 1 << 30);
  return [{ name: 'large', path }];
}

/** Who signs, and the root that says so: the same for us and for tuftool. */
export interface Trust {
  readonly signer: IdentifiedSigner;
  readonly roots: RootChain;
  readonly keyFile: string;
  readonly rootFile: string;
}

/** RSA, for that is what tuftool reads from a PEM. */
export async function makeTrust(dir: string): Promise<Trust> {
  mkdirSync(dir, { recursive: true });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signer = identified(localSigner(privateKey, 'bench'));
  const keys = { root: [signer.key], targets: [signer.key], snapshot: [signer.key], timestamp: [signer.key] };
  const root = initRoot({ expires: new Date(Date.now() + 86_400_000 * 365), keys });
  const signed = await signRole({ role: 'root', signed: root }, [signer], authorityOf(root, 'root'));
  const [keyFile, rootFile] = [join(dir, 'key.pem'), join(dir, 'root.json')];
  writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(rootFile, signed.bytes);
  return { signer, roots: [signed], keyFile, rootFile };
}

/** What the verbs do, without the start of Node and the reading of manifests. */
export async function timeRepository(
  { signer, roots }: Trust,
  sources: readonly TargetSource[],
  dir: string,
): Promise<Seconds> {
  const now = new Date();
  const week = { type: 'after', seconds: WEEK_SECONDS } as const;
  const options = (out: string): WriteEditionOptions => ({
    out: join(dir, out),
    now,
    start: now,
    expiration: { 'targets-expiration': week, 'snapshot-expiration': week, 'timestamp-expiration': week },
    signers: () => Promise.resolve([signer]),
    ifThere: 'fail',
    ifLacking: { type: 'fail' },
    ifTargetDiffers: 'fail',
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  const places = {
    metadata: new DirectoryPlace(join(dir, 'created', 'bench', 'x86_64')),
    targets: new DirectoryPlace(join(dir, 'created', 'targets')),
  };
  const create = await seconds(
    async () =>
      await writeEdition(firstEdition(roots), { fleet: FLEET, sources, manifest: EMPTY_MANIFEST }, options('created')),
  );
  const refresh = await seconds(async () => {
    const edition = await openEdition(places, { trusted: roots, expiry: 'enforce', now });
    if (edition === 'absent') throw new Error('Expected the repository that was created');
    await renewEdition(edition, { fleet: FLEET, kept: 'none' }, options('refreshed'));
  });
  const validate = await seconds(
    async () =>
      await validateRepository(places, {
        fleet: FLEET,
        trusted: roots,
        now,
        depth: 'hashes',
        signal: new AbortController().signal,
        onProgress: () => {},
      }),
  );
  return { create, refresh, validate };
}

/** By tuftool, its start included. It links targets and flushes nothing; what stands for a validation writes a copy of what it reads. */
export async function timeTuftool(
  tuftool: string,
  { keyFile, rootFile }: Trust,
  { from, dir }: { from: string; dir: string },
): Promise<Seconds> {
  const roles = ['targets', 'snapshot', 'timestamp'];
  const dates = (version: number): string[] =>
    roles.flatMap((role) => [`--${role}-expires`, 'in 7 days', `--${role}-version`, String(version)]);
  const signing = ['--root', rootFile, '--key', keyFile];
  const metadata = pathToFileURL(join(dir, 'created', 'metadata')).href;
  const targets = pathToFileURL(join(dir, 'created', 'targets')).href;
  const run = async (...argv: readonly string[]): Promise<void> => {
    const lines: string[] = [];
    const { status } = await runCommand([tuftool, ...argv], { env: {}, onLine: (line) => void lines.push(line) });
    if (status !== 0) throw new Error(`Cannot run tuftool ${argv.join(' ')}:\n${lines.join('\n')}`);
  };
  const create = await seconds(
    async () => await run('create', ...signing, ...dates(1), '--add-targets', from, '--outdir', join(dir, 'created')),
  );
  const refresh = await seconds(
    async () =>
      await run('update', ...signing, ...dates(2), '--metadata-url', metadata, '--outdir', join(dir, 'refreshed')),
  );
  const where = ['--root', rootFile, '--metadata-url', metadata, '--targets-url', targets];
  const validate = await seconds(async () => await run('download', ...where, join(dir, 'read')));
  return { create, refresh, validate };
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
