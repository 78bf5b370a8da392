import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import type { Arch } from '../../tools/config/arch.ts';
import { runGraph } from '../../tools/graph/scheduler.ts';
import { Store } from '../../tools/graph/store.ts';
import { runCommand } from '../../tools/process/command.ts';
import { BubblewrapSandbox } from '../../tools/sandbox/bubblewrap.ts';
import { toolRoot, type ToolRoot } from '../../tools/sdk/tool-root.ts';
import { flashTask } from '../../tools/secure-boot/efi-vars.ts';
import { findMirrors } from '../../tools/sources/mirrors.ts';
import { VmTools } from '../../tools/vm/tools.ts';
import { CHECKOUT, SHARED_STORE } from './rig.ts';

const TAIL_LINES = 40;

export interface BuiltVariant {
  readonly checkout: string;
  readonly variant: string;
  readonly arch: Arch;
}

/** Builds an image into the shared store, as a person would. */
export async function buildVariant({ checkout, variant, arch }: BuiltVariant): Promise<void> {
  await runVerb(checkout, ['build', '--variant', variant, '--arch', arch]);
}

/** Runs a verb of the real command line on a checkout, with the shared store. */
export async function runVerb(checkout: string, verb: readonly string[]): Promise<void> {
  const lines: string[] = [];
  const program = [process.execPath, '--import', 'tsx', join(CHECKOUT, 'Makefile.ts')];
  const argv = [...program, '-C', checkout, ...verb];
  const env = { PATH: process.env['PATH'] ?? '', HOME: homedir(), SLIPWAY_CACHE: SHARED_STORE, NO_COLOR: '1' };
  const { status } = await runCommand(argv, { cwd: CHECKOUT, env, onLine: (line) => lines.push(line) });
  if (status !== 0) throw new Error(`Cannot ${verb.join(' ')}:\n${lines.slice(-TAIL_LINES).join('\n')}`);
}

/** QEMU, its firmware and the tools around them, made first if the shared store lacks them. */
export async function vmTools(): Promise<VmTools> {
  return new VmTools(await vmRoot());
}

/** Where the store keeps that tool root. */
export async function vmRoot(): Promise<string> {
  return await withVmRoot(async ({ store, root }) => {
    const [tree] = root.layers(await runGraph(root.tasks, { store, ...QUIET }));
    if (tree === undefined) throw new TypeError('Expected a tool root of one layer');
    return store.pathOf(tree);
  });
}

/** Flash memory with the variables of an efi-vars.json. */
export async function makeFlash(variables: string): Promise<string> {
  return await withVmRoot(async ({ store, sandbox, root }) => {
    const task = flashTask({ sandbox, tools: root }, await readFile(variables, 'utf8'), 'x86_64');
    const result = await runGraph([task], { store, ...QUIET });
    return store.pathOf(result.output(task, 'variables.fd'));
  });
}

const QUIET = { cores: 2, memoryMiB: 2048, signal: new AbortController().signal, sink: () => undefined };

interface VmRoot {
  readonly store: Store;
  readonly sandbox: BubblewrapSandbox;
  readonly root: ToolRoot;
}

async function withVmRoot<T>(work: (vm: VmRoot) => Promise<T>): Promise<T> {
  await using store = await Store.open(SHARED_STORE);
  const sandbox = new BubblewrapSandbox(store);
  const root = toolRoot('vm', { store, sandbox, network: 'online', mirrors: () => findMirrors() });
  return await work({ store, sandbox, root });
}
