import { runGraph, type GraphResult } from '../../tools/graph/scheduler.ts';
import { Store } from '../../tools/graph/store.ts';
import type { Output, Task } from '../../tools/graph/task.ts';
import { actionTask } from '../../tools/sandbox/action-task.ts';
import type { Action } from '../../tools/sandbox/action.ts';
import { BubblewrapSandbox } from '../../tools/sandbox/bubblewrap.ts';
import { programOf } from '../../tools/sandbox/program.ts';
import type { ToolRootName } from '../../tools/sdk/definition.ts';
import { toolRoot } from '../../tools/sdk/tool-root.ts';
import { findMirrors } from '../../tools/sources/mirrors.ts';
import { SHARED_STORE } from './rig.ts';

function defaultMirrors(): ReturnType<typeof findMirrors> {
  return findMirrors({ lookaside: [], debian: [] });
}

export type ActionParts = Partial<Action> & Pick<Action, 'argv'>;

/** Runs single actions in a real tool root, which is made first if the shared store lacks it. */
export class SandboxRig implements AsyncDisposable {
  readonly store: Store;
  /** The log of the latest action. */
  readonly lines: string[] = [];
  readonly #sandbox: BubblewrapSandbox;
  #layers: readonly Output[] = [];

  private constructor(store: Store) {
    this.store = store;
    this.#sandbox = new BubblewrapSandbox(store);
  }

  static async create(name: ToolRootName = 'sdk'): Promise<SandboxRig> {
    const store = await Store.open(SHARED_STORE);
    const rig = new SandboxRig(store);
    const root = toolRoot(name, { store, sandbox: rig.#sandbox, network: 'online', mirrors: defaultMirrors });
    rig.#layers = root.layers(await rig.build(root.tasks));
    return rig;
  }

  /** The tool root's own layers, lowest first. */
  get layers(): readonly Output[] {
    return this.#layers;
  }

  /** The start of a command line that runs a program of the tool root outside of any sandbox. */
  program(path: string): string[] {
    const [lowest] = this.#layers;
    if (lowest === undefined) throw new Error('Expected a tool root to have a layer');
    return programOf(this.store.pathOf(lowest), path);
  }

  /** A task that has to run: the time is in its key. */
  task(parts: ActionParts): Task {
    const action: Action = {
      layers: this.#layers,
      inputs: {},
      outputs: { type: 'files' },
      ...parts,
      env: { ...parts.env, NOW: String(performance.timeOrigin + performance.now()) },
    };
    const cost = { cores: 1, memoryMiB: 1 };
    return actionTask({
      sandbox: this.#sandbox,
      id: 'test/action',
      title: 'Test',
      needs: [],
      cost,
      action: () => action,
    });
  }

  async run(parts: ActionParts): Promise<{ result: GraphResult; task: Task }> {
    const task = this.task(parts);
    return { task, result: await this.build([task]) };
  }

  async build(tasks: readonly Task[], signal = new AbortController().signal): Promise<GraphResult> {
    this.lines.length = 0;
    return await runGraph(tasks, {
      store: this.store,
      sink: (event) => event.type === 'task-line' && this.lines.push(event.line),
      signal,
      cores: 3,
      memoryMiB: 4096,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }
}
