import { basename } from 'node:path';

import type { Arch } from '../config/arch.ts';
import { BuildError } from '../errors.ts';
import { listen } from '../graph/run-context.ts';
import type { Output, RunContext, Task, Work } from '../graph/task.ts';
import { actionTask } from '../sandbox/action-task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';

/** A name another package can require, with the version it is provided or wanted at: `slipway-zlib = 1.3.1-1`. */
export type Capability = string;

/** One RPM that a spec makes. */
export interface Subpackage {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  /** RPM's own word: the target architecture or `noarch`. */
  readonly arch: string;
  readonly provides: readonly Capability[];
  readonly requires: readonly Capability[];
  /** What cannot be installed beside it; of its own names, every other package that has one of them. */
  readonly conflicts: readonly Capability[];
  /** What it adds something to, such as a platform. */
  readonly supplements: readonly Capability[];
}

/** The name of a platform among what packages supplement. */
export const PLATFORM = /^[^ ]+-platform-(\S+)$/;

/** What rpm itself says of a spec for one architecture. There is no second list. */
export interface SpecFacts {
  readonly buildRequires: readonly Capability[];
  /** The architectures it is for; all where it names none. */
  readonly exclusiveArches: readonly string[];
  /** Files the spec names by Source and Patch, without any folder. */
  readonly sources: readonly string[];
  readonly subpackages: readonly Subpackage[];
}

/** Name of the RPM file, as `%_build_name_fmt` makes it. */
export function rpmFileName({ name, version, release, arch }: Subpackage): string {
  return `${name}-${version}-${release}.${arch}.rpm`;
}

export interface SpecTaskOptions {
  readonly sandbox: Sandbox;
  readonly sdk: ToolRoot;
  readonly arch: Arch;
  /** Package name, for the task's id. */
  readonly name: string;
  readonly specPath: string;
  readonly spec: Output;
}

export const FACTS = 'facts';

const QUERY = `
rpmspec --target "$1" -q --srpm --qf '[buildrequires\\t%{REQUIRENEVRS}\\n][source\\t%{SOURCE}\\n][source\\t%{PATCH}\\n][arch\\t%{EXCLUSIVEARCH}\\n]' "$2"
rpmspec --target "$1" -q --builtrpms --qf \
  'package\\t%{NAME}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\n[provides\\t%{PROVIDENEVRS}\\n][requires\\t%{REQUIRENEVRS}\\n][conflicts\\t%{CONFLICTNEVRS}\\n][supplements\\t%{SUPPLEMENTNEVRS}\\n]' "$2"
`;

/** Asks rpm about one spec. Its output `facts` is tab-separated lines, read by parseFacts. */
export function specTask({ sandbox, sdk, arch, name, specPath, spec }: SpecTaskOptions): Task {
  const inSandbox = `/slipway/spec/${name}.spec`;
  const task = actionTask({
    sandbox,
    id: `spec/${name}.${arch}`,
    title: `Read ${name}.spec`,
    needs: sdk.tasks,
    cost: { cores: 1, memoryMiB: 64 },
    action: (inputs) => ({
      argv: ['bash', '-euc', `{ ${QUERY} } > /slipway/out/${FACTS}`, 'rpmspec', arch, inSandbox],
      env: {},
      layers: sdk.layers(inputs),
      inputs: { [inSandbox]: spec },
      outputs: { type: 'named', names: { [FACTS]: 'file' } },
    }),
  });
  return { ...task, resolve: (inputs) => locateErrors(task.resolve(inputs), specPath) };
}

/** rpm says `error: line 12: Unknown tag: Foo`; that becomes an error at line 12 of the spec. */
function locateErrors(work: Work, specPath: string): Work {
  const run = async (context: RunContext) => {
    const complaints: BuildError[] = [];
    const onLine = (line: string): void => {
      const match = /^error: (?:(?:.*\.spec: )?line (\d+): )?(?!query of specfile)(.*)$/.exec(line);
      if (match === null) return;
      const at = { file: specPath, line: Number(match[1] ?? 1), column: 1 };
      complaints.push(
        new BuildError('package/bad-spec', `Cannot read spec "${basename(specPath)}": ${match[2] ?? line}`, { at }),
      );
    };
    try {
      return await work.run(listen(context, onLine));
    } catch (error) {
      throw complaints[0] ?? error;
    }
  };
  return { key: work.key, run };
}

/** Reads the output of specTask: a `package` line begins each RPM's own. */
export function parseFacts(text: string): SpecFacts {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
  const starts = lines.flatMap(([kind], index) => (kind === 'package' ? [index] : []));
  const head = lines.slice(0, starts[0] ?? lines.length);
  return {
    buildRequires: values(head, 'buildrequires').filter(isRealCapability),
    exclusiveArches: values(head, 'arch'),
    sources: values(head, 'source').map((source) => basename(source)),
    subpackages: starts.map((start, index) => parseSubpackage(lines.slice(start, starts[index + 1] ?? lines.length))),
  };
}

function parseSubpackage(lines: readonly (readonly string[])[]): Subpackage {
  const [, name = '', version = '', release = '', arch = ''] = lines[0] ?? [];
  return {
    name,
    version,
    release,
    arch,
    provides: values(lines, 'provides'),
    requires: values(lines, 'requires').filter(isRealCapability),
    conflicts: values(lines, 'conflicts'),
    supplements: values(lines, 'supplements'),
  };
}

function values(lines: readonly (readonly string[])[], kind: string): string[] {
  return lines.flatMap(([its, value]) => (its === kind && value !== undefined ? [value] : []));
}

/** rpm's own features are no packages. */
function isRealCapability(capability: Capability): boolean {
  return !capability.startsWith('rpmlib(');
}

/** `slipway-zlib >= 1.3` -> `slipway-zlib`. */
export function capabilityName(capability: Capability): string {
  return capability.split(' ')[0] ?? capability;
}
