import { runGraph } from '../../../tools/graph/scheduler.ts';
import { Store } from '../../../tools/graph/store.ts';
import type { Inputs, Output, Task } from '../../../tools/graph/task.ts';
import { BubblewrapSandbox } from '../../../tools/sandbox/bubblewrap.ts';
import type { Sandbox } from '../../../tools/sandbox/sandbox.ts';
import { programOf } from '../../../tools/sandbox/program.ts';
import type { ToolRootName } from '../../../tools/sdk/definition.ts';
import { toolRoot, type ToolRoot } from '../../../tools/sdk/tool-root.ts';
import { findMirrors } from '../../../tools/sources/mirrors.ts';
import { SHARED_STORE } from '../rig.ts';

/** A tool root that tests run programs of, and what builds on it. */
export interface TestRoot extends AsyncDisposable {
  readonly store: Store;
  readonly sandbox: Sandbox;
  readonly root: ToolRoot;
  readonly layer: Output;
  build(tasks: readonly Task[]): Promise<Inputs>;
}

/** Made first if the shared store lacks it. */
export async function openTestRoot(name: ToolRootName): Promise<TestRoot> {
  const store = await Store.open(SHARED_STORE);
  const sandbox = new BubblewrapSandbox(store);
  const root = toolRoot(name, { store, sandbox, network: 'online', mirrors: () => findMirrors() });
  const build = async (tasks: readonly Task[]): Promise<Inputs> => {
    const signal = new AbortController().signal;
    const result = await runGraph(tasks, { store, sink: () => undefined, cores: 2, memoryMiB: 4096, signal });
    const [failed] = [...result.outcomes.values()].filter((outcome) => outcome.type === 'failed');
    if (failed !== undefined) throw failed.error;
    return result;
  };
  const [layer] = root.layers(await build(root.tasks));
  if (layer === undefined) throw new TypeError('a tool root has a layer');
  return { store, sandbox, root, layer, build, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

const NAMESPACES = ['--unshare-user', '--unshare-pid', '--unshare-ipc', '--die-with-parent'];
const SYSTEM = ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'];

/** The start of a command line that runs a program in a root as whoever calls, with the network of this machine. */
export function enterRoot(root: string): string[] {
  return [...programOf(root, 'usr/bin/bwrap'), ...NAMESPACES, '--overlay-src', root, '--tmp-overlay', '/', ...SYSTEM];
}
