import { join } from 'node:path';

import type { Output, RunContext } from '../graph/task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Supply } from '../sources/supply.ts';
import { readDefinition } from './definition.ts';
import type { HostRoot, LockRule } from './definition.ts';
import { unpackFirst } from './first-root.ts';
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
  { rule, ...root }: HostRoot & { readonly rule: LockRule },
  workshop: Workshop,
  context: RunContext,
): Promise<Output> {
  const { request, lock } = readDefinition(root, rule);
  context.log(`Fetching ${lock.packages.length} packages`);
  const packages = await fetchPackages(root, { lock, supply: workshop }, context);
  context.log('Unpacking the first packages');
  const dir = join(context.workDir, 'first');
  await unpackFirst(packages, { dir, store: workshop.store });
  const first = await workshop.store.putTree(dir);
  context.log(`Unpacking ${packages.length} packages`);
  return await unpackAll({ packages, request, first, sandbox: workshop.sandbox }, context);
}
