import { randomUUID } from 'node:crypto';

/** Files of a checkout, by path. */
export type Files = Readonly<Record<string, string>>;

export interface FixturePackage {
  /** Lines of %install beside the one file every fixture package ships. */
  readonly install?: string;
  readonly build?: string;
  /** Lines of %files beside the one file every fixture package ships. */
  readonly files?: readonly string[];
  /** Names of fixture packages. */
  readonly buildRequires?: readonly string[];
  readonly requires?: readonly string[];
  readonly provides?: readonly string[];
  readonly conflicts?: readonly string[];
  /** Text of package.yaml; no sources unless told. */
  readonly manifest?: string;
  /** Source lines of the spec. */
  readonly sources?: readonly string[];
}

export const RELEASE: Files = { 'Release.yaml': 'name: slipway\npretty-name: Slipway OS\nversion: 1.2.3\n' };

/**
 * A package that ships `share/<name>` with a text. Two calls never give equal specs nor equal RPMs: the store is shared between
 * runs, and a test that wants to see a task run must not find its result there.
 */
export function fixturePackage(name: string, options: FixturePackage = {}): Files {
  const {
    install = '',
    build = '',
    files = [],
    buildRequires = [],
    requires = [],
    provides = [],
    conflicts = [],
    sources = [],
  } = options;
  const unique = randomUUID();
  const spec = [
    `# ${unique}`,
    `Name: %{osname}-${name}`,
    'Version: 1.0',
    'Release: 1',
    `Summary: Fixture ${name}`,
    'License: Apache-2.0',
    ...sources.map((source, index) => `Source${index}: ${source}`),
    ...buildRequires.map((need) => `BuildRequires: %{osname}-${need}`),
    ...requires.map((need) => `Requires: %{osname}-${need}`),
    ...provides.map((capability) => `Provides: ${capability}`),
    ...conflicts.map((capability) => `Conflicts: ${capability}`),
    '',
    '%description',
    '%{summary}.',
    '',
    '%build',
    build,
    '',
    '%install',
    `install -d %{buildroot}%{_datadir}`,
    `echo ${name} ${unique} > %{buildroot}%{_datadir}/${name}`,
    install,
    '',
    '%files',
    `%{_datadir}/*`,
    ...files,
    '',
  ].join('\n');
  return {
    [`packages/${name}/${name}.spec`]: spec,
    [`packages/${name}/package.yaml`]: options.manifest ?? 'sources: []\n',
  };
}
