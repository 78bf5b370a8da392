/** What every verb about a repository of updates begins with: its name, its roots, where it is, who signs. */
import { dirname, join, resolve } from 'node:path';

import { readInfra, unknownRepo } from '../config/read-infra.ts';
import type { RepoConfig } from '../config/infra-repo.ts';
import type { ReadInfra } from '../config/read-infra.ts';
import { BuildError } from '../errors.ts';
import type { KeyContext } from '../keys/service-key.ts';
import type { EventSink } from '../graph/events.ts';
import { devRepository, ensureDevRepository } from '../tuf/dev-repository.ts';
import type { Signers } from '../tuf/editor.ts';
import { fetchFirstRoot } from '../tuf/fetch-root.ts';
import { openSigners } from '../tuf/open-signer.ts';
import { readRootDirectory } from '../tuf/roots.ts';
import type { RootChain } from '../tuf/roots.ts';
import type { IfLacking } from '../tuf/write-edition.ts';
import { accessOf, addressBelow, configuredAddress } from './repo-address.ts';
import type { AccessFlags, Address } from './repo-address.ts';

export const DEFAULT_REPO = 'default';

export interface RepoOptions extends AccessFlags {
  readonly repo?: string | undefined;
  /** Another file than the checkout's own. */
  readonly infra?: string | undefined;
  /** Where the repository is, when not where Infra.yaml says. */
  readonly base?: string | undefined;
  /** Version of the root under which it was published, where the newest has taken keys away since. */
  readonly fromRoot?: number | undefined;
}

export interface RepoSurroundings extends Omit<KeyContext, 'dir'> {
  readonly projectDir: string;
  /** The user's own configuration. */
  readonly configDir: string;
  readonly sink: EventSink;
}

export interface UpdateRepo {
  readonly name: string;
  readonly config: RepoConfig | undefined;
  readonly rootsDir: string;
  readonly keys: KeyContext;
  readonly signing: NonNullable<RepoConfig['signing-keys']>;
  readonly address: Address | undefined;
  readonly fromRoot: number | undefined;
  /** Its outputs, one folder for each run. */
  readonly outDir: string;
}

/** @throws BuildError config/unknown-repo, config/one-address */
export async function openRepo(options: RepoOptions, surroundings: RepoSurroundings): Promise<UpdateRepo> {
  const { projectDir } = surroundings;
  const { fromRoot } = options;
  const infra = readInfra(projectDir, options.infra && resolve(options.infra));
  const name = options.repo ?? onlyRepo(infra) ?? DEFAULT_REPO;
  const config = infra?.value.repo[name];
  const outDir = join(projectDir, 'build', 'repos', name);
  const base = options.base === undefined ? undefined : addressBelow(options.base, accessOf(options, config));
  if (infra && config) {
    const configured = openConfigured({ name, infra, config }, surroundings);
    return { name, outDir, fromRoot, ...configured, address: base ?? configured.address };
  }
  assertNoneNamed(name, infra);
  return { name, config, outDir, fromRoot, ...(await openDev(name, surroundings)), address: base };
}

/** A file that is about other things leaves room for the development repository; one that names repositories does not. */
function assertNoneNamed(name: string, infra: ReadInfra | undefined): void {
  if (infra !== undefined && Object.keys(infra.value.repo).length > 0) throw unknownRepo(name, infra);
}

interface Configured {
  readonly name: string;
  readonly infra: ReadInfra;
  readonly config: RepoConfig;
}

function openConfigured(
  { name, infra, config }: Configured,
  context: RepoSurroundings,
): Omit<UpdateRepo, 'name' | 'outDir' | 'fromRoot'> {
  const signing = config['signing-keys'];
  if (signing === undefined) throw noKeys(name, infra);
  const rootsDir = resolve(infra.dir, config['root-roles'] ?? join('roles', name));
  return {
    config,
    rootsDir,
    keys: { ...context, dir: infra.dir },
    signing,
    address: configuredAddress(name, infra, config),
  };
}

/** Where there is one alone, nobody needs to name it. */
export function onlyRepo(infra: ReadInfra | undefined): string | undefined {
  const names = Object.keys(infra?.value.repo ?? {});
  return names.length === 1 ? names[0] : undefined;
}

function noKeys(name: string, { locate }: ReadInfra): BuildError {
  return new BuildError('config/no-signing-keys', `Cannot sign repository "${name}": it names no signing-keys`, {
    at: locate(['repo', name]),
    hint: 'Add signing-keys, such as { file: { path: keys/online.pem } }',
  });
}

async function openDev(
  name: string,
  { configDir, sink, ...context }: RepoSurroundings,
): Promise<Pick<UpdateRepo, 'rootsDir' | 'keys' | 'signing'>> {
  const dev = devRepository(configDir, name);
  const made = await ensureDevRepository(dev, new Date());
  if (made === 'made') {
    const message = `There is no Infra.yaml: made a development key for repository "${name}", in ${dev.keyFile}`;
    sink({
      type: 'warning',
      message,
      hint: 'Nothing that it signs is safe for hosts of others. For those, write an Infra.yaml with keys of its own',
    });
  }
  return {
    rootsDir: dev.rootsDir,
    keys: { ...context, dir: dirname(dev.keyFile) },
    signing: { file: { path: dev.keyFile } },
  };
}

/** The roots of a repository; fetched first where only their address is known. @throws BuildError tuf/no-root */
export async function readRoots({ name, rootsDir, config }: UpdateRepo): Promise<RootChain> {
  const found = await readRootDirectory(rootsDir);
  if (found !== undefined) return found;
  const { 'root-role-url': url, 'root-role-sha512': sha512 } = config ?? {};
  if (url !== undefined && sha512 !== undefined) return [await fetchFirstRoot({ url, sha512, dir: rootsDir })];
  const finding =
    url === undefined && sha512 === undefined
      ? `${rootsDir} has none`
      : 'root-role-url and root-role-sha512 belong together';
  throw new BuildError('tuf/no-root', `Cannot find a root role of repository "${name}": ${finding}`, {
    hint: `Make one: npx tsx Makefile.ts root init --repo ${name}`,
  });
}

/** The keys of a repository, opened where they are asked for. Where a role may wait for signatures, those of it may be elsewhere. */
export function signersOf({ signing, keys }: UpdateRepo, { type }: Pick<IfLacking, 'type'>): Signers {
  return openSigners(signing, keys, type === 'wait' ? 'skip' : 'fail');
}

/** `folder`: what waits for signatures is written there; without one, lacking keys are an error. */
export function ifLacking({ name }: UpdateRepo, folder: string | undefined): IfLacking {
  return folder === undefined ? { type: 'fail' } : { type: 'wait', folder, repository: name };
}
