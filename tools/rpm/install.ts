import { readFileSync } from 'node:fs';

import type { Arch } from '../config/arch.ts';
import type { Task } from '../graph/task.ts';
import { actionTask } from '../sandbox/action-task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { SANDBOX_OUT } from '../sandbox/action.ts';

const STEPS = '/slipway/step';
const SCRIPTS = Object.fromEntries(
  ['install-root.sh', 'check-libraries.sh'].map((name) => [
    `${STEPS}/${name}`,
    { type: 'text', text: readFileSync(new URL(name, import.meta.url), 'utf8') } as const,
  ]),
);

/** The whole root, without /boot, as a tar stream that file systems are made of. */
export const ROOT_TAR = 'root.tar';
/** What packages put below /boot. */
export const BOOT_TAR = 'boot.tar';
export const INVENTORY = 'inventory.json';
/** Each package with its version and the bytes it installs. */
export const PACKAGES = 'packages.json';

export interface InstallOptions {
  readonly sandbox: Sandbox;
  readonly sdk: ToolRoot;
  readonly arch: Arch;
  readonly variant: string;
  readonly publisher: string;
  /** RPM file name -> the build task that has it as an output. */
  readonly rpms: ReadonlyMap<string, Task>;
}

/** Installs a closed set of RPMs into an empty root. */
export function installTask({ sandbox, sdk, arch, variant, publisher, rpms }: InstallOptions): Task {
  return actionTask({
    sandbox,
    id: `install/${variant}.${arch}`,
    title: `Install ${rpms.size} packages of ${variant}`,
    needs: [...sdk.tasks, ...new Set(rpms.values())],
    cost: { cores: 1, memoryMiB: 256 },
    action: (inputs) => ({
      argv: ['bash', `${STEPS}/install-root.sh`, `${arch}-slipway-linux-gnu`, publisher],
      env: {},
      layers: sdk.layers(inputs),
      inputs: {
        ...SCRIPTS,
        ...Object.fromEntries([...rpms].map(([file, build]) => [`/slipway/rpms/${file}`, inputs.output(build, file)])),
      },
      outputs: {
        type: 'named',
        names: { [ROOT_TAR]: 'file', [BOOT_TAR]: 'file', [INVENTORY]: 'file', [PACKAGES]: 'file' },
      },
      cwd: SANDBOX_OUT,
    }),
  });
}
