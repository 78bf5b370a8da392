import { homedir } from 'node:os';
import { join } from 'node:path';

import { sourceFileName, type GoSource } from '../../tools/config/package.ts';
import { bundleTask } from '../../tools/go/bundle.ts';
import { goSettings } from '../../tools/go/client.ts';
import { Toolchains } from '../../tools/go/toolchain.ts';
import { actionTask } from '../../tools/sandbox/action-task.ts';
import { findMirrors } from '../../tools/sources/mirrors.ts';
import { openTestRoot } from './peers/root.ts';
import { PROGRAM, programTask } from './program-task.ts';

/** A Go program of others that we do not ship, pinned as those are that we do. */
export interface GoProgram extends Omit<GoSource['go'], 'packages' | 'pins'> {
  /** Path of its package below the module; the last part is what the program is called. */
  readonly package: string;
  /** Of the bundle: when it is another, the message says which. */
  readonly sha512: string;
}

const BUNDLE = '/slipway/in/bundle.tar';
const MEMORY_MIB = 1024;
const COMPILE = `
tar -xf ${BUNDLE} --strip-components=1
export GOCACHE=$PWD/.cache GOTOOLCHAIN=local GOENV=off GOTELEMETRY=off GOPROXY=off GOSUMDB=off CGO_ENABLED=0
export PATH=/usr/lib/slipway/go/bin:$PATH GOMAXPROCS=$SLIPWAY_CORES
go build -mod=vendor -trimpath -ldflags '-s -w -buildid=' -o /slipway/out/ "$1"
`;

/** The program, on the host: static, so that it runs by its path. Compiled when the shared store does not have it. */
export async function bringGoProgram({ package: path, sha512, ...module }: GoProgram): Promise<string> {
  await using opened = await openTestRoot('go');
  const { store, sandbox } = opened;
  const settings = goSettings(process.env, homedir());
  const workshop = { store, sandbox, settings, network: 'online', mirrors: () => findMirrors() } as const;
  const at = { file: import.meta.filename, line: 1, column: 1 };
  const toolchain = new Toolchains(workshop).of(module.toolchain, at);
  const source: GoSource = { go: { ...module, packages: [path], pins: {} }, sha512 };
  const bundle = bundleTask(source, { workshop, toolchain, at });
  const name = path.split('/').at(-1) ?? path;
  const compile = actionTask({
    sandbox,
    id: `go-program/${name}`,
    title: `Compile ${name} ${module.version}`,
    needs: [...toolchain.client.tasks, bundle],
    cost: { cores: Infinity, memoryMiB: MEMORY_MIB },
    action: (inputs) => ({
      argv: ['bash', '-euc', COMPILE, 'bash', `${module.module}/${path}`],
      env: {},
      layers: toolchain.client.layers(inputs),
      inputs: { [BUNDLE]: inputs.output(bundle, sourceFileName(source)) },
      outputs: { type: 'named', names: { [name]: 'file' } },
    }),
  });
  const program = programTask(compile, name, store);
  return join(store.pathOf((await opened.build([program])).output(program, PROGRAM)), name);
}
