import { readFileSync } from 'node:fs';

import type { Arch } from '../config/arch.ts';
import type { Cost, Inputs, Task } from '../graph/task.ts';
import type { ActionInput } from '../sandbox/action.ts';
import { actionTask } from '../sandbox/action-task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';

/** What every step of an image is made with. */
export interface StepBench {
  readonly sandbox: Sandbox;
  /** The tool root `image`. */
  readonly tools: ToolRoot;
  readonly variant: string;
  readonly arch: Arch;
}

export interface Step {
  /** The kind in the task's id: `root/metal-dev.x86_64`. */
  readonly kind: string;
  readonly title: string;
  /** A file of steps/, run by bash with `-euo pipefail` in an empty directory; `helpers` stand beside it. */
  readonly script: string;
  readonly helpers?: readonly string[];
  readonly needs: readonly Task[];
  readonly cost?: Partial<Cost>;
  /** What the script sees: variables, and files below /slipway/in. Pure. */
  readonly sees: (inputs: Inputs) => {
    readonly env?: Readonly<Record<string, string>>;
    readonly files?: Readonly<Record<string, ActionInput>>;
  };
  /** Files that the script leaves. */
  readonly outputs: readonly string[];
}

/** A step is one sandboxed script; it is no part of the key how many cores it is granted. */
export function stepTask({ sandbox, tools, variant, arch }: StepBench, step: Step): Task {
  const scripts = [step.script, ...(step.helpers ?? [])].map(
    (name) => [`/slipway/step/${name}`, text(readScript(name))] as const,
  );
  return actionTask({
    sandbox,
    id: `${step.kind}/${variant}.${arch}`,
    title: step.title,
    needs: [...tools.tasks, ...step.needs],
    cost: { cores: 1, memoryMiB: 256, ...step.cost },
    action: (inputs) => {
      const { env = {}, files = {} } = step.sees(inputs);
      const seen = Object.entries(files).map(([name, content]) => [`/slipway/in/${name}`, content] as const);
      return {
        argv: ['bash', '-euo', 'pipefail', `/slipway/step/${step.script}`],
        env,
        layers: tools.layers(inputs),
        inputs: Object.fromEntries([...scripts, ...seen]),
        outputs: { type: 'named', names: Object.fromEntries(step.outputs.map((name) => [name, 'file' as const])) },
      };
    },
  });
}

export function text(content: string): ActionInput {
  return { type: 'text', text: content };
}

function readScript(name: string): string {
  return readFileSync(new URL(`steps/${name}`, import.meta.url), 'utf8');
}
