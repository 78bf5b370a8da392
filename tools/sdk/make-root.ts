import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import type { Output, RunContext } from '../graph/task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Supply } from '../sources/supply.ts';
import { readDefinition } from './definition.ts';
import type { LockRule, ToolRootName } from './definition.ts';
import { unpackFirst } from './first-root.ts';
import type { Lock } from './lock.ts';
import { fetchPackages } from './packages.ts';
import { unpackAll } from './unpack.ts';

export interface Workshop extends Supply {
  readonly sandbox: Sandbox;
}

/**
 * Fetches and unpacks every package of a lock, and does what is needed of their maintainer scripts. Nothing on the host can
 * unpack a package, so Node makes a small root of the first few, and that one, in a sandbox, the real one.
 */
export async function makeRoot(
  { name, rule }: { readonly name: ToolRootName; readonly rule: LockRule },
  workshop: Workshop,
  context: RunContext,
): Promise<Output> {
  const { request, lock } = readDefinition(name, rule);
  assertRunsHere(name, lock);
  context.log(`Fetching ${lock.packages.length} packages`);
  const packages = await fetchPackages(name, { lock, supply: workshop }, context);
  context.log('Unpacking the first packages');
  const dir = join(context.workDir, 'first');
  await unpackFirst(packages, { dir, store: workshop.store });
  const first = await workshop.store.putTree(dir);
  context.log(`Unpacking ${packages.length} packages`);
  return await unpackAll({ packages, request, first, sandbox: workshop.sandbox }, context);
}

const ARCH_OF: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Better said before hundreds of megabytes are fetched than by a loader that is not there. */
function assertRunsHere(name: ToolRootName, { packages }: Lock): void {
  const own = ARCH_OF[process.arch];
  const arch = packages.find((locked) => locked.arch !== 'all')?.arch;
  if (arch === own) return;
  throw new BuildError(
    'sdk/host-architecture',
    `Cannot run tool root "${name}" on "${process.arch}": its lock is for ${arch}`,
  );
}
