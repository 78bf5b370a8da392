import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { digestOf } from '../../tools/graph/digest.ts';
import type { Inputs, Output, RunContext, Task } from '../../tools/graph/task.ts';
import { actionTask } from '../../tools/sandbox/action-task.ts';
import { runOnline } from '../../tools/sandbox/online.ts';
import { openTestRoot, type TestRoot } from './peers/root.ts';
import { PROGRAM, programTask } from './program-task.ts';

/** A program that others publish as source on crates.io. */
export interface Crate {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the `.crate` file, as the registry's index has it. All that it is compiled of is in its Cargo.lock. */
  readonly sha256: string;
  /** The crate's name unless told. */
  readonly program?: string;
}

const SCRIPT_FILE = join(import.meta.dirname, 'crate.sh');
const SCRIPT = '/slipway/crate.sh';
const WORK = '/slipway/crate';
const ARCHIVE = '/slipway/in/crate.tar.zst';
/** Large crates of generated code take most. */
const MEMORY_MIB = 3072;

const ATTEMPTS = 4;
/** Those that the host trusts, where it has any: a proxy may show one of its own. The tool root has Debian's there. */
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * The program, on the host: static, so that it runs by its path. Compiled in the tool root `crates` when the shared store does not
 * have it, which takes minutes of CPU.
 */
export async function bringCrate(crate: Crate): Promise<string> {
  await using opened = await openTestRoot('crates');
  const name = programName(crate);
  const task = programTask(compileTask(crate, opened), name, opened.store);
  return join(opened.store.pathOf((await opened.build([task])).output(task, PROGRAM)), name);
}

function programName({ name, program = name }: Crate): string {
  return program;
}

function compileTask(crate: Crate, { root, sandbox, store }: TestRoot): Task {
  const source = fetchTask(crate, { root, store });
  const program = programName(crate);
  return actionTask({
    sandbox,
    id: `crate/${crate.name}`,
    title: `Compile ${crate.name} ${crate.version}`,
    needs: [...root.tasks, source],
    cost: { cores: Infinity, memoryMiB: MEMORY_MIB },
    action: (inputs) => ({
      argv: ['bash', SCRIPT, 'compile', ARCHIVE, program],
      env: {},
      layers: root.layers(inputs),
      inputs: {
        [SCRIPT]: { type: 'text', text: readFileSync(SCRIPT_FILE, 'utf8') },
        [ARCHIVE]: inputs.output(source, archiveName(crate)),
      },
      outputs: { type: 'named', names: { [program]: 'file' } },
    }),
  });
}

function archiveName({ name, version }: Crate): string {
  return `${name}-${version}.tar.zst`;
}

function fetchTask(crate: Crate, { root, store }: Pick<TestRoot, 'root' | 'store'>): Task {
  const { name, version, sha256 } = crate;
  return {
    id: `crate-source/${name}`,
    title: `Fetch ${name} ${version} and all it is compiled of`,
    needs: root.tasks,
    cost: { cores: 1, memoryMiB: 512, network: true },
    resolve: (inputs) => ({
      key: { type: 'crate', name, version, sha256, script: digestOf(readFileSync(SCRIPT_FILE)).hash },
      run: async (context) => {
        await fetchCrate(crate, { layers: layersOf(inputs), context });
        return { [archiveName(crate)]: await store.putFile(join(context.workDir, archiveName(crate))) };
      },
    }),
  };

  function layersOf(inputs: Inputs): string[] {
    return root.layers(inputs).map((layer: Output) => store.pathOf(layer));
  }
}

/** Look-ups fail now and then; what cargo has got so far stays in its home between attempts. */
async function fetchCrate(
  { name, version, sha256 }: Crate,
  { layers, context }: { readonly layers: readonly string[]; readonly context: RunContext },
): Promise<void> {
  const command = {
    argv: ['/usr/bin/bash', '-c', `cd ${WORK} && exec bash ${SCRIPT} "$@"`, 'bash', 'fetch', name, version, sha256],
    env: cargoEnvironment(),
    layers,
    directories: { [WORK]: context.workDir },
    files: {
      [SCRIPT]: SCRIPT_FILE,
      [`${WORK}/home/config.toml`]: join(cargoHome(), 'config.toml'),
      [CERTIFICATES]: process.env['SSL_CERT_FILE'] ?? CERTIFICATES,
    },
  };
  for (let attempt = 1; ; attempt += 1) {
    const lines: string[] = [];
    const { status } = await runOnline(command, context, (line) => {
      lines.push(line);
      context.log(line);
    });
    context.signal.throwIfAborted();
    if (status === 0) return;
    if (attempt === ATTEMPTS) throw new Error(`Cannot fetch ${name} ${version}:\n${lines.slice(-10).join('\n')}`);
  }
}

function cargoHome(): string {
  return process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
}

/** As this machine is set up for cargo: where registries are is cargo's own knowledge. */
function cargoEnvironment(): Record<string, string> {
  const wanted = /^(CARGO_(HTTP|NET|REGISTRIES|SOURCE)_\w+|https?_proxy|no_proxy)$/i;
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] => wanted.test(entry[0]) && entry[1] !== undefined,
  );
  const defaults = { PATH: '/usr/bin', LANG: 'C.UTF-8', CARGO_NET_RETRY: '8', CARGO_HTTP_CAINFO: CERTIFICATES };
  return { ...defaults, ...Object.fromEntries(own), HOME: WORK, CARGO_HOME: `${WORK}/home` };
}
