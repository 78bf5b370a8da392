import { runGraph } from '../../../tools/graph/scheduler.ts';
import { Store } from '../../../tools/graph/store.ts';
import type { Inputs, Output, Task } from '../../../tools/graph/task.ts';
import { BubblewrapSandbox } from '../../../tools/sandbox/bubblewrap.ts';
import { programOf } from '../../../tools/sandbox/program.ts';
import { toolRoot, type ToolRoot } from '../../../tools/sdk/tool-root.ts';
import { findMirrors } from '../../../tools/sources/mirrors.ts';
import { SHARED_STORE } from '../rig.ts';

export interface PeersRoot extends AsyncDisposable {
  readonly store: Store;
  readonly root: ToolRoot;
  readonly layer: Output;
  build(tasks: readonly Task[]): Promise<Inputs>;
}

/** The tool root `peers`, made first if the shared store lacks it. */
export async function openPeersRoot(): Promise<PeersRoot> {
  const store = await Store.open(SHARED_STORE);
  const sandbox = new BubblewrapSandbox(store);
  const root = toolRoot('peers', { store, sandbox, network: 'online', mirrors: () => findMirrors() });
  const build = async (tasks: readonly Task[]): Promise<Inputs> => {
    const signal = new AbortController().signal;
    const result = await runGraph(tasks, { store, sink: () => undefined, cores: 2, memoryMiB: 2048, signal });
    const [failed] = [...result.outcomes.values()].filter((outcome) => outcome.type === 'failed');
    if (failed !== undefined) throw failed.error;
    return result;
  };
  const [layer] = root.layers(await build(root.tasks));
  if (layer === undefined) throw new TypeError('a tool root has a layer');
  return { store, root, layer, build, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

const NAMESPACES = ['--unshare-user', '--unshare-pid', '--unshare-ipc', '--die-with-parent'];
const SYSTEM = ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'];

/** The start of a command line that runs a program in a root as whoever calls, with the network of this machine. */
export function enterRoot(root: string): string[] {
  return [...programOf(root, 'usr/bin/bwrap'), ...NAMESPACES, '--overlay-src', root, '--tmp-overlay', '/', ...SYSTEM];
}
