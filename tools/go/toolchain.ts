import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { readManifest } from '../config/yaml.ts';
import { BuildError, throwAll } from '../errors.ts';
import type { Location } from '../errors.ts';
import type { RunContext, Task } from '../graph/task.ts';
import { actionTask } from '../sandbox/action-task.ts';
import { filesTask } from '../sdk/files-task.ts';
import { ownHost } from '../sdk/host.ts';
import type { Host } from '../sdk/host.ts';
import { stack, toolRoot } from '../sdk/tool-root.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import type { TransferTask } from '../sources/offline.ts';
import { GO_OUT, GO_ROOT, outDirOf, runGo } from './client.ts';
import { explainGoFailure } from './failure.ts';
import { pinnedTask } from './pinned.ts';
import type { GoWorkshop } from './pinned.ts';

export const TOOLCHAINS_FILE = fileURLToPath(new URL('toolchains.yaml', import.meta.url));

const digest = z.string().regex(/^[0-9a-f]{128}$/, 'expected 128 lower-case hex digits (SHA-512)');
const schema = z.record(z.string(), z.strictObject({ amd64: digest, arm64: digest }));

/** A Go that compiles: what fetches modules with it, and what packages are built in, over the SDK. */
export interface Toolchain {
  /** Fetches: Debian's client below, this Go over it. */
  readonly client: ToolRoot;
  /** Builds: the Go and its RPM macros. */
  readonly tools: ToolRoot;
}

const TREE = 'root';
const ZIP = '/slipway/toolchain.zip';
// A module's zip keeps no modes. What only Go's own tests and documents need is left out.
const UNPACK = `
unzip -q ${ZIP}
mkdir -p ${TREE}/usr/lib/slipway
mv golang.org/toolchain@* ${TREE}/${GO_ROOT}
cd ${TREE}/${GO_ROOT}
rm -rf api doc misc test
find src -type d -name testdata -prune -exec rm -rf '{}' +
find . -type d -exec chmod 755 '{}' +
find . -type f -exec chmod 644 '{}' +
chmod 755 bin/* pkg/tool/*/*
`;

/** Each version once: bundles and builds share it. */
export class Toolchains {
  /** The tool root `go`. */
  readonly root: ToolRoot;
  readonly #workshop: GoWorkshop;
  readonly #files: Task;
  readonly #known = new Map<string, Toolchain>();

  constructor(workshop: GoWorkshop) {
    this.#workshop = workshop;
    this.root = toolRoot('go', workshop);
    this.#files = filesTask('tool-root/go-files', new URL('files/', import.meta.url), workshop.store);
  }

  /** @throws BuildError source/unpinned-toolchain, at the place that names it */
  of(version: string, at: Location | undefined): Toolchain {
    const made = this.#known.get(version) ?? this.#make(version, at);
    this.#known.set(version, made);
    return made;
  }

  #make(version: string, at: Location | undefined): Toolchain {
    const arch = ownHost();
    const zip = zipTask({ version, arch, sha512: pinnedDigest(version, arch, at) }, this.root, this.#workshop);
    const tree = treeTask({ version, zip, zipName: zipName(version, arch) }, this.root, this.#workshop);
    const above: ToolRoot = { tasks: [tree], layers: (inputs) => [inputs.output(tree, TREE)] };
    const files: ToolRoot = { tasks: [this.#files], layers: (inputs) => [inputs.output(this.#files, 'root')] };
    return { client: stack(this.root, above), tools: stack(above, files) };
  }
}

interface Packed {
  readonly version: string;
  readonly zip: Task;
  readonly zipName: string;
}

function treeTask({ version, zip, zipName: name }: Packed, root: ToolRoot, { sandbox }: GoWorkshop): Task {
  return actionTask({
    sandbox,
    id: `go/${version}`,
    title: `Unpack Go ${version}`,
    needs: [...root.tasks, zip],
    cost: { cores: 1, memoryMiB: 128 },
    action: (inputs) => ({
      argv: ['bash', '-euc', UNPACK],
      env: {},
      layers: root.layers(inputs),
      inputs: { [ZIP]: inputs.output(zip, name) },
      outputs: { type: 'named', names: { [TREE]: 'tree' } },
      cwd: '/slipway/out',
    }),
  });
}

interface Zip {
  readonly version: string;
  readonly arch: Host;
  readonly sha512: string;
}

export function zipName(version: string, arch: Host): string {
  return `go${version}.linux-${arch}.zip`;
}

function zipTask({ version, arch, sha512 }: Zip, root: ToolRoot, workshop: GoWorkshop): TransferTask {
  const file = zipName(version, arch);
  return pinnedTask(
    {
      file,
      sha512,
      at: undefined,
      needs: root.tasks,
      memoryMiB: 128,
      make: async (inputs, context) => {
        const layers = root.layers(inputs).map((layer) => workshop.store.pathOf(layer));
        return await fetchZip({ version, arch, layers }, workshop, context);
      },
    },
    workshop,
  );
}

interface ZipRequest {
  readonly version: string;
  readonly arch: Host;
  /** Host paths of the tool root `go`. */
  readonly layers: readonly string[];
}

/** Go's client fetches a Go as it does any module, and checks it against the checksum database. Gives the zip's path. */
export async function fetchZip(
  { version, arch, layers }: ZipRequest,
  { settings }: Pick<GoWorkshop, 'settings'>,
  context: RunContext,
): Promise<string> {
  const module = `v0.0.1-go${version}.linux-${arch}`;
  const copy = `go mod download golang.org/toolchain@${module} &&
    cp "$GOMODCACHE/cache/download/golang.org/toolchain/@v/${module}.zip" ${GO_OUT}/${zipName(version, arch)}`;
  try {
    await runGo({ argv: ['/usr/bin/bash', '-euc', copy], layers, settings }, context);
  } catch (error) {
    throw explainGoFailure(error, { file: zipName(version, arch), at: undefined });
  }
  return join(outDirOf(context), zipName(version, arch));
}

export function readToolchains(): Readonly<Record<string, Readonly<Record<Host, string>>>> {
  const errors: BuildError[] = [];
  const manifest = readManifest(TOOLCHAINS_FILE, schema, errors);
  throwAll(errors);
  if (manifest === undefined) throw new TypeError('a manifest without complaints has a value');
  return manifest.value;
}

function pinnedDigest(version: string, arch: Host, at: Location | undefined): string {
  const known = readToolchains();
  const digests = known[version];
  if (digests !== undefined) return digests[arch];
  throw new BuildError(
    'source/unpinned-toolchain',
    `Cannot compile with Go "${version}": expected one of ${Object.keys(known).join(', ')}`,
    { at, hint: `Name one of these, or pin it: npx tsx Makefile.ts sources pin-go ${version}` },
  );
}
