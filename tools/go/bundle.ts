import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { goBundleName, sourceFileName, UNRESOLVED } from '../config/package.ts';
import type { GoSource } from '../config/package.ts';
import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import type { Inputs, Output, RunContext, Task } from '../graph/task.ts';
import { GO_OUT, outDirOf, runGo } from './client.ts';
import { explainGoFailure } from './failure.ts';
import { pinnedTask, sha512Of } from './pinned.ts';
import type { GoWorkshop } from './pinned.ts';
import type { Toolchain } from './toolchain.ts';

const SCRIPT = '/slipway/make-bundle.sh';
const SCRIPT_FILE = fileURLToPath(new URL('make-bundle.sh', import.meta.url));
/** Reading the modules of Kubernetes takes about as much. */
const MEMORY_MIB = 1024;

export interface BundleOptions {
  readonly workshop: GoWorkshop;
  readonly toolchain: Toolchain;
  /** Where the source is asked for, for messages. */
  readonly at: Location;
}

/** Brings the pinned bundle of a Go program; as any source, one output named as the file is in the build. */
export function bundleTask(source: GoSource, options: BundleOptions): Task {
  const { workshop, toolchain, at } = options;
  const file = sourceFileName(source);
  const make = async (inputs: Inputs, context: RunContext): Promise<string> => {
    if (source.sha512 === UNRESOLVED) throw unresolved(file, at);
    return await makeBundle(source, { ...options, inputs, retracted: 'accept' }, context);
  };
  const { tasks: needs } = toolchain.client;
  return pinnedTask({ file, sha512: source.sha512, at, needs, memoryMiB: MEMORY_MIB, make }, workshop);
}

/** A bundle as the modules are today, whatever is pinned. */
export interface ResolvedBundle {
  readonly sha512: string;
  readonly path: string;
}

/** Resolves a Go program anew. A version that its author took back is refused. */
export async function resolveBundle(
  source: GoSource,
  options: BundleOptions & { readonly inputs: Inputs },
  context: RunContext,
): Promise<ResolvedBundle> {
  const path = await makeBundle(source, { ...options, retracted: 'refuse' }, context);
  return { path, sha512: await sha512Of(path) };
}

/** The task that bundleTask() would be, for a bundle that was just made: so that the store knows it already. */
export function madeBundleTask(source: GoSource, bundle: Output): Task {
  const file = sourceFileName(source);
  return {
    id: `source/${file}`,
    title: `Keep ${file}`,
    needs: [],
    cost: { cores: 1, memoryMiB: 1 },
    resolve: () => ({
      key: { file, sha512: source.sha512 },
      run: async () => await Promise.resolve({ [file]: bundle }),
    }),
  };
}

interface Making extends BundleOptions {
  readonly inputs: Inputs;
  readonly retracted: 'accept' | 'refuse';
}

async function makeBundle(
  source: GoSource,
  { workshop, toolchain, at, inputs, retracted }: Making,
  context: RunContext,
): Promise<string> {
  const { module, version, packages, pins } = source.go;
  const imports = packages.map((path) => (path === '.' ? module : `${module}/${path}`));
  const others = Object.entries(pins).map(([name, pin]) => `${name}@${pin}`);
  const file = sourceFileName(source);
  const argv = ['/usr/bin/bash', SCRIPT, `${GO_OUT}/${goBundleName(source)}`, retracted, module, version];
  const command = {
    argv: [...argv, ...imports, '--', ...others],
    layers: toolchain.client.layers(inputs).map((layer) => workshop.store.pathOf(layer)),
    settings: workshop.settings,
    files: { [SCRIPT]: SCRIPT_FILE },
  };
  try {
    await runGo(command, context);
  } catch (error) {
    throw explainGoFailure(error, { file, at });
  }
  return join(outDirOf(context), file);
}

function unresolved(file: string, at: Location): BuildError {
  return new BuildError('source/unresolved', `Cannot fetch "${file}": its sha512 is not pinned yet`, {
    at,
    hint: 'Run: npx tsx Makefile.ts sources update',
  });
}
