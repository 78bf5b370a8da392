/** The kernel-module kit: what others build modules of our kernel with, on machines that have neither our SDK nor a compiler. */
import { readFileSync } from 'node:fs';

import type { Arch } from '../config/arch.ts';
import type { Task } from '../graph/task.ts';
import { actionTask } from '../sandbox/action-task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';

export interface KitBench {
  readonly sandbox: Sandbox;
  /** The tool root `kit`, which becomes a part of it. */
  readonly tools: ToolRoot;
  readonly arch: Arch;
  /** The kernel's package. No variant has a part in a kit, so that those of one kernel share it. */
  readonly kernel: string;
}

export interface KmodKitOptions extends KitBench {
  /** Has the output `tree`: the kernel's package `archive`, unpacked. */
  readonly archive: Task;
}

/** The output of the task. */
export const KMOD_KIT = 'kmod-kit.tar.xz';

const STEPS = Object.fromEntries(
  ['kmod-kit.sh', 'toolchain.sh', 'kmake'].map((name) => [
    `/slipway/step/${name}`,
    { type: 'text', text: readFileSync(new URL(name, import.meta.url), 'utf8') } as const,
  ]),
);

export function kmodKitTask({ sandbox, tools, arch, kernel, archive }: KmodKitOptions): Task {
  return actionTask({
    sandbox,
    id: `kmod-kit/${kernel}.${arch}`,
    title: `Pack the kernel-module kit of ${kernel}`,
    needs: [...tools.tasks, archive],
    cost: { cores: Infinity, memoryMiB: 1024 },
    action: (inputs) => ({
      argv: ['bash', '-euo', 'pipefail', '/slipway/step/kmod-kit.sh', arch],
      env: {},
      layers: tools.layers(inputs),
      inputs: { ...STEPS, '/slipway/in/kernel': inputs.output(archive, 'tree') },
      outputs: { type: 'named', names: { [KMOD_KIT]: 'file' } },
    }),
  });
}
