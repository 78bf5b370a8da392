import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';

import { z } from 'zod';

import { ARCHES } from '../../tools/config/arch.ts';
import { readProject } from '../../tools/config/project.ts';
import { goSettings } from '../../tools/go/client.ts';
import { runGraph } from '../../tools/graph/scheduler.ts';
import { runCommand } from '../../tools/process/command.ts';
import { ArchTasks } from '../../tools/recipe/arch-tasks.ts';
import { localFiles } from '../../tools/recipe/packages.ts';
import { Sources } from '../../tools/recipe/sources.ts';
import type { Workbench } from '../../tools/recipe/workbench.ts';
import { buildTask } from '../../tools/rpm/build.ts';
import { BubblewrapSandbox } from '../../tools/sandbox/bubblewrap.ts';
import { programOf } from '../../tools/sandbox/program.ts';
import { toolRoot } from '../../tools/sdk/tool-root.ts';
import { findMirrors } from '../../tools/sources/mirrors.ts';
import { openTestRoot } from './peers/root.ts';
import { CHECKOUT } from './rig.ts';

/**
 * Runs in namespaces of its own (other-host.ts). What the package is built with comes from this host, or all of it down to the C
 * library would be built under emulation.
 */
const [peers = '', name = '', wanted = ''] = process.argv.slice(2);
await using native = await openTestRoot('sdk');
const { store, sandbox } = native;
await runArm64Programs();

const supply = { store, sandbox, network: 'online', mirrors: () => findMirrors() } as const;
const limits = { cores: 2, memoryMiB: 8192, signal: new AbortController().signal };
const project = readProject(CHECKOUT);
const bench: Workbench = {
  project,
  ...supply,
  sdk: native.root,
  imageTools: native.root,
  kitTools: native.root,
  sources: new Sources({ ...supply, settings: goSettings(process.env, homedir()) }, project.packages.values()),
  sink: () => undefined,
  limits,
};
const arch = z.enum(ARCHES).parse(wanted);
const { catalogue, packages } = await ArchTasks.read(bench, arch);
const pkg = bench.project.packages.get(name);
if (pkg === undefined) throw new TypeError(`Expected a package, got "${name}"`);
const facts = catalogue.facts(name);
const emulated = new BubblewrapSandbox(store, native.layer);
const task = buildTask({
  sandbox: emulated,
  sdk: toolRoot('sdk', { ...supply, sandbox: emulated }, { host: 'arm64' }),
  arch,
  package: pkg,
  facts,
  localFiles: localFiles(bench, pkg),
  sources: packages.sources(name),
  dependencies: catalogue
    .closure(facts.buildRequires, { asker: `packages/${name}`, errors: [] })
    .map((rpm) => packages.unpack(rpm)),
});
const result = await runGraph([task], { store, sink: () => undefined, ...limits });
for (const outcome of result.outcomes.values()) if (outcome.type === 'failed') throw outcome.error;
const hashes = Object.entries(result.outputs(task)).map(([file, { digest }]) => [file, digest.hash]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(hashes))}\n`);

/** F: the emulator is opened now, as it is not there in a sandbox. P: a program is told the name it was called by. */
async function runArm64Programs(): Promise<void> {
  const registry = '/proc/sys/fs/binfmt_misc';
  const mount = [...programOf(peers, 'usr/bin/mount'), '-t', 'binfmt_misc', 'none', registry];
  const { status } = await runCommand(mount, { env: {}, onLine: (line) => process.stderr.write(`${line}\n`) });
  if (status !== 0) throw new Error('Expected binfmt_misc in a user namespace: Linux 6.7 and later have it');
  // The ELF header: class 64, little-endian, version 1; type executable or shared (ET_EXEC, ET_DYN); machine 183 (EM_AARCH64).
  const magic = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
  const mask = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
  writeFileSync(`${registry}/register`, `:arm64:M::${magic}:${mask}:${peers}/usr/bin/qemu-aarch64:FP`);
}
