import { join } from 'node:path';

import { ARCHES } from '../config/arch.ts';
import type { Arch } from '../config/arch.ts';
import { BuildError, throwAll } from '../errors.ts';
import { ArchTasks } from './arch-tasks.ts';
import { PACKAGE_PREFIX } from './packages.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

const PACKAGE = 'govc';
/** Node's name of this machine -> ours. */
const HOST_ARCHES: Readonly<Record<string, Arch>> = { x64: 'x86_64', arm64: 'aarch64' };

/** VMware's client out of package govc, for this machine: built if the store lacks it. The program's path. @throws BuildErrors */
export async function prepareGovc(bench: Workbench): Promise<string> {
  if (!bench.project.packages.has(PACKAGE)) {
    throw new BuildError('vmware/no-govc', `Cannot talk to vSphere: expected package "${PACKAGE}" below packages/`, {
      hint: 'Bring it back from where this checkout comes from: uploads are made by it',
    });
  }
  const arch = HOST_ARCHES[process.arch] ?? ARCHES[0];
  const { catalogue, packages } = await ArchTasks.read(bench, arch);
  const errors: BuildError[] = [];
  catalogue.buildOrder([PACKAGE], errors);
  const [rpm] = catalogue.closure([`${PACKAGE_PREFIX}${PACKAGE}`], { asker: 'vsphere', errors });
  throwAll(errors);
  if (rpm === undefined) throw new TypeError('a closure without complaints has what was asked for');
  const unpack = packages.unpack(rpm);
  const result = await runPhase(bench, 'Prepare govc', [unpack]);
  const tree = bench.store.pathOf(result.output(unpack, 'tree'));
  return join(tree, `${arch}-slipway-linux-gnu`, 'sys-root', 'usr', 'bin', 'govc');
}
