import type { Arch } from '../config/arch.ts';
import type { Package } from '../config/package.ts';
import type { Output, Task } from '../graph/task.ts';
import { actionTask } from '../sandbox/action-task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { rpmFileName } from './spec.ts';
import type { SpecFacts } from './spec.ts';

export interface BuildOptions {
  readonly sandbox: Sandbox;
  readonly sdk: ToolRoot;
  readonly arch: Arch;
  readonly package: Package;
  readonly facts: SpecFacts;
  /** File name -> content, of all that stands beside package.yaml, the spec included. */
  readonly localFiles: Readonly<Record<string, Output>>;
  /** File name -> the task that fetches it; its output has that name. */
  readonly sources: ReadonlyMap<string, Task>;
  /** Unpacked build dependencies, by unpackTask. */
  readonly dependencies: readonly Task[];
}

/** The tree an unpackTask leaves. */
export const TREE = 'tree';

// RPM_BUILD_NCPUS and %_smp_mflags come from what the scheduler granted. They are no part of the key: a build that depends on
// the number of cores is a bug in its spec.
const SCRIPT = `
mkdir -p BUILD BUILDROOT
exec rpmbuild -bb --nodeps --noclean --target "$1" \
  --define '_topdir /slipway/build' --define '_sourcedir /slipway/sources' --define '_rpmdir /slipway/out' \
  --define "_smp_build_ncpus $SLIPWAY_CORES" --define "_smp_mflags -j$SLIPWAY_CORES" "/slipway/sources/$2.spec"
`;

/** One spec to all its RPMs; one output for each. */
export function buildTask({
  sandbox,
  sdk,
  arch,
  package: pkg,
  facts,
  localFiles,
  sources,
  dependencies,
}: BuildOptions): Task {
  const names = Object.fromEntries(facts.subpackages.map((subpackage) => [rpmFileName(subpackage), 'file'] as const));
  return actionTask({
    sandbox,
    id: `build/${pkg.name}.${arch}`,
    title: `Build ${pkg.name}`,
    needs: [...sdk.tasks, ...sources.values(), ...dependencies],
    cost: { cores: pkg.build.cores ?? Infinity, memoryMiB: pkg.build.memory },
    action: (inputs) => ({
      argv: ['bash', '-euc', SCRIPT, 'rpmbuild', arch, pkg.name],
      env: {},
      layers: [...sdk.layers(inputs), ...dependencies.map((task) => inputs.output(task, TREE))],
      inputs: Object.fromEntries(
        [
          ...Object.entries(localFiles),
          ...[...sources].map(([name, task]) => [name, inputs.output(task, name)] as const),
        ].map(([name, output]) => [`/slipway/sources/${name}`, output]),
      ),
      outputs: { type: 'named', names },
    }),
  });
}

export interface UnpackOptions {
  readonly sandbox: Sandbox;
  readonly sdk: ToolRoot;
  readonly arch: Arch;
  readonly build: Task;
  /** The RPM's name, for the task's id, and its file, an output of `build`. */
  readonly name: string;
  readonly file: string;
}

// Through a file: cpio stops reading at its trailer, and a pipe that closes early is an error to rpm2cpio.
const UNPACK = `
rpm2cpio /slipway/in.rpm > /slipway/build/payload
mkdir ${TREE}
cd ${TREE}
cpio -idm --quiet './*-slipway-linux-gnu/*' < /slipway/build/payload
`;

/** What an RPM puts below its sysroot, as a layer for builds. The real root's own files would hide the tool root's. */
export function unpackTask({ sandbox, sdk, arch, build, name, file }: UnpackOptions): Task {
  return actionTask({
    sandbox,
    id: `unpack/${name}.${arch}`,
    title: `Unpack ${name}`,
    needs: [...sdk.tasks, build],
    cost: { cores: 1, memoryMiB: 128 },
    action: (inputs) => ({
      argv: ['bash', '-euc', UNPACK],
      env: {},
      layers: sdk.layers(inputs),
      inputs: { '/slipway/in.rpm': inputs.output(build, file) },
      outputs: { type: 'named', names: { [TREE]: 'tree' } },
      cwd: '/slipway/out',
    }),
  });
}
