import { availableParallelism, totalmem } from 'node:os';

import { readProject } from '../config/project.ts';
import { readUserConfig } from '../config/user.ts';
import { goSettings } from '../go/client.ts';
import { Store } from '../graph/store.ts';
import { Sources } from '../recipe/sources.ts';
import type { Workbench } from '../recipe/workbench.ts';
import { BubblewrapSandbox } from '../sandbox/bubblewrap.ts';
import { toolRoot } from '../sdk/tool-root.ts';
import { findMirrors } from '../sources/mirrors.ts';
import type { Supply } from '../sources/supply.ts';
import type { RunFlags } from './flags.ts';
import type { Session } from './session.ts';

/** Of the machine's memory, when nobody says how much: the rest is for whoever else works here. */
const MEMORY_SHARE = 0.75;
const MIB = 1024 * 1024;

export interface Bench extends Workbench, AsyncDisposable {
  readonly supply: Supply;
}

/** Opens the checkout and the store for one run. Flags win over the user's configuration. */
export async function openBench({ host, globals, sink, signal }: Session, flags: RunFlags = {}): Promise<Bench> {
  const project = readProject(globals.directory);
  const user = readUserConfig(host.configFile);
  const store = await Store.open(host.cacheDir);
  const supply: Supply = {
    store,
    network: flags.offline === true ? 'offline' : 'online',
    mirrors: () => findMirrors({ lookaside: user.lookaside, debian: user['debian-mirrors'] }),
  };
  const sandbox = new BubblewrapSandbox(store);
  return {
    project,
    store,
    supply,
    sandbox,
    sdk: toolRoot('sdk', { ...supply, sandbox }),
    imageTools: toolRoot('image', { ...supply, sandbox }),
    kitTools: toolRoot('kit', { ...supply, sandbox }),
    sources: new Sources(
      { ...supply, sandbox, settings: goSettings(host.environment, host.home) },
      project.packages.values(),
    ),
    network: supply.network,
    sink,
    limits: {
      cores: flags.cores ?? user.cores ?? availableParallelism(),
      memoryMiB: flags.memory ?? user.memory ?? Math.floor((totalmem() / MIB) * MEMORY_SHARE),
      keepGoing: flags.keepGoing === true,
      signal,
    },
    [Symbol.asyncDispose]: async () => await store[Symbol.asyncDispose](),
  };
}
