import { basename } from 'node:path';

import type { Arch } from '../config/arch.ts';
import { BuildError } from '../errors.ts';
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
}

/** What rpm itself says of a spec for one architecture. There is no second list. */
export interface SpecFacts {
  readonly buildRequires: readonly Capability[];
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
rpmspec --target "$1" -q --srpm --qf '[buildrequires\\t%{REQUIRENEVRS}\\n][source\\t%{SOURCE}\\n][source\\t%{PATCH}\\n]' "$2"
rpmspec --target "$1" -q --builtrpms --qf \
  'package\\t%{NAME}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\n[provides\\t%{PROVIDENEVRS}\\n][requires\\t%{REQUIRENEVRS}\\n]' "$2"
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
    const log = (line: string): void => {
      context.log(line);
      const match = /^error: (?:(?:.*\.spec: )?line (\d+): )?(?!query of specfile)(.*)$/.exec(line);
      if (match === null) return;
      const at = { file: specPath, line: Number(match[1] ?? 1), column: 1 };
      complaints.push(new BuildError('package/bad-spec', `Cannot read spec "${basename(specPath)}": ${match[2] ?? line}`, { at }));
    };
    try {
      return await work.run({ ...context, log });
    } catch (error) {
      throw complaints[0] ?? error;
    }
  };
  return { key: work.key, run };
}

/** Reads the output of specTask. */
export function parseFacts(text: string): SpecFacts {
  const buildRequires: string[] = [];
  const sources: string[] = [];
  const subpackages: (Subpackage & { provides: string[]; requires: string[] })[] = [];
  for (const line of text.split('\n').filter((candidate) => candidate !== '')) {
    const [kind, value = '', version = '', release = '', arch = ''] = line.split('\t');
    const current = subpackages.at(-1);
    if (kind === 'buildrequires') buildRequires.push(value);
    else if (kind === 'source') sources.push(basename(value));
    else if (kind === 'package') subpackages.push({ name: value, version, release, arch, provides: [], requires: [] });
    else if (kind === 'provides') current?.provides.push(value);
    else if (kind === 'requires') current?.requires.push(value);
    else throw new TypeError(`Expected a line of rpm's facts, got ${JSON.stringify(line)}`);
  }
  const real = (capability: string): boolean => !capability.startsWith('rpmlib(');
  return {
    buildRequires: buildRequires.filter(real),
    sources,
    subpackages: subpackages.map((subpackage) => ({ ...subpackage, requires: subpackage.requires.filter(real) })),
  };
}
