import type { KeyContext } from '../keys/service-key.ts';
import { join, resolve } from 'node:path';

import type { RepoConfig } from '../config/infra-repo.ts';
import { readInfra, unknownRepo } from '../config/read-infra.ts';
import { devRepository } from '../tuf/dev-repository.ts';
import { onlyRepo } from './update-repo.ts';
import type { RepoOptions, RepoSurroundings } from './update-repo.ts';

/** Where a repository's roots are made. Needs no online key, which may well be made later. */
export interface RootDesk {
  readonly name: string;
  readonly rootsDir: string;
  readonly config: RepoConfig | undefined;
  readonly keys: KeyContext;
}

/** Without an Infra.yaml that names repositories, the roots are those of the development repository. @throws BuildError config/unknown-repo */
export function openRootDesk(options: RepoOptions, { projectDir, configDir, ...context }: RepoSurroundings): RootDesk {
  const infra = readInfra(projectDir, options.infra && resolve(options.infra));
  const name = options.repo ?? onlyRepo(infra) ?? 'default';
  if (infra === undefined || Object.keys(infra.value.repo).length === 0) {
    const { rootsDir } = devRepository(configDir, name);
    return { name, rootsDir, config: undefined, keys: { ...context, dir: projectDir } };
  }
  const config = infra.value.repo[name];
  if (config === undefined) throw unknownRepo(name, infra);
  return {
    name,
    rootsDir: resolve(infra.dir, config['root-roles'] ?? join('roles', name)),
    config,
    keys: { ...context, dir: infra.dir },
  };
}
