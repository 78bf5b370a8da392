import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { findVariant, readProject } from '../../tools/config/project.ts';
import { runGraph } from '../../tools/graph/scheduler.ts';
import { Store } from '../../tools/graph/store.ts';
import { runCommand } from '../../tools/process/command.ts';
import { findDisks, openDrives } from '../../tools/recipe/boot-image.ts';
import { BubblewrapSandbox } from '../../tools/sandbox/bubblewrap.ts';
import { toolRoot } from '../../tools/sdk/tool-root.ts';
import { findMirrors } from '../../tools/sources/mirrors.ts';
import { bootVm, type Machine } from '../../tools/vm/machine.ts';
import { VmTools } from '../../tools/vm/tools.ts';
import { CHECKOUT, SHARED_STORE } from './rig.ts';

const ARCH = 'x86_64';

/** A machine that runs a variant which has no console of its own: the same image but for a shell on it. */
export class NodeRig implements AsyncDisposable {
  readonly machine: Machine;
  readonly #dir: string;

  private constructor(machine: Machine, dir: string) {
    this.machine = machine;
    this.#dir = dir;
  }

  static async boot(variant: string): Promise<NodeRig> {
    const dir = await mkdtemp(join(tmpdir(), 'slipway-node-'));
    const name = `${variant}-shell`;
    await makeTwin({ variant, name, dir });
    await build(dir, name);
    const project = readProject(dir);
    const files = findDisks({ project }, findVariant(project, name), ARCH);
    const tools = await vmTools();
    const drives = [...(await openDrives(tools, files, { dir, sizeGiB: 8 }))];
    const hardware = { firmware: 'uefi', memoryMiB: 2048, cores: 2, network: 'isolated' } as const;
    return new NodeRig(await bootVm(tools, { arch: ARCH, drives, ...hardware }), dir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

interface Twin {
  readonly variant: string;
  readonly name: string;
  readonly dir: string;
}

/** A checkout of the same packages, whose one variant has `login` too. */
async function makeTwin({ variant, name, dir }: Twin): Promise<void> {
  const text = await readFile(join(CHECKOUT, 'variants', variant, 'variant.yaml'), 'utf8');
  await mkdir(join(dir, 'variants', name), { recursive: true });
  await writeFile(
    join(dir, 'variants', name, 'variant.yaml'),
    text.replace('packages:\n', 'packages:\n  - login\n').replace('net.ifnames=0', 'net.ifnames=0, no_timer_check'),
  );
  await cp(join(CHECKOUT, 'Release.yaml'), join(dir, 'Release.yaml'));
  await symlink(join(CHECKOUT, 'packages'), join(dir, 'packages'));
}

async function build(dir: string, variant: string): Promise<void> {
  const lines: string[] = [];
  const argv = [process.execPath, '--import', 'tsx', join(CHECKOUT, 'Makefile.ts')];
  const { status } = await runCommand([...argv, '-C', dir, 'build', '--variant', variant], {
    cwd: CHECKOUT,
    env: { PATH: process.env['PATH'] ?? '', HOME: homedir(), SLIPWAY_CACHE: SHARED_STORE, NO_COLOR: '1' },
    onLine: (line) => lines.push(line),
  });
  if (status !== 0) throw new Error(`Cannot build ${variant}:\n${lines.slice(-40).join('\n')}`);
}

async function vmTools(): Promise<VmTools> {
  await using store = await Store.open(SHARED_STORE);
  const root = toolRoot('vm', {
    store,
    sandbox: new BubblewrapSandbox(store),
    network: 'online',
    mirrors: () => findMirrors(),
  });
  const limits = { cores: 2, memoryMiB: 2048, signal: new AbortController().signal };
  const [tree] = root.layers(await runGraph(root.tasks, { store, sink: () => undefined, ...limits }));
  if (tree === undefined) throw new TypeError('Expected a tool root of one layer');
  return new VmTools(store.pathOf(tree));
}
