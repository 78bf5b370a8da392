import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { EPOCH_SECONDS } from '../graph/epoch.ts';
import type { Store } from '../graph/store.ts';
import { SANDBOX_BUILD, SANDBOX_HOME, SANDBOX_OUT, type Action, type ActionInput } from './action.ts';

/** overlayfs takes its options on one page, and bubblewrap writes each layer as `/tmp-overlay-src-<n>:` there. */
const MAX_LAYERS = 200;

/** The same for every action; what an action adds is in its key. */
export const FIXED_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/bin:/usr/sbin:/bin',
  HOME: SANDBOX_HOME,
  LANG: 'C.UTF-8',
  TZ: 'UTC',
  SHELL: '/bin/sh',
  SOURCE_DATE_EPOCH: String(EPOCH_SECONDS),
};

const NAMESPACES = [
  '--unshare-all',
  '--die-with-parent',
  '--uid',
  '0',
  '--gid',
  '0',
  '--cap-add',
  'ALL',
  '--hostname',
  'slipway',
];
const SYSTEM = ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--tmpfs', '/dev/shm'];

export interface MountOptions {
  readonly store: Store;
  /** On disk: what an action writes outside /tmp can be large. */
  readonly workDir: string;
  /** How many jobs to run at once: tools read it, keys do not hold it. */
  readonly cores: number;
}

/** bubblewrap's options for an action. Makes the directories and files they name. */
export function mountOptions(action: Action, { store, workDir, cores }: MountOptions): string[] {
  return [
    ...NAMESPACES,
    ...overlay(action, store),
    ...SYSTEM,
    ...writableDirectories(workDir),
    ...inputs(action, store, workDir),
    '--chdir',
    action.cwd ?? SANDBOX_BUILD,
    '--clearenv',
    ...environment(action, cores),
  ];
}

function overlay({ layers }: Action, store: Store): string[] {
  if (layers.length > MAX_LAYERS) {
    throw new BuildError(
      'sandbox/too-many-layers',
      `Cannot stack the layers of a sandbox: expected at most ${MAX_LAYERS}, got ${layers.length}`,
    );
  }
  return [...layers.flatMap((layer) => ['--overlay-src', store.pathOf(layer)]), '--tmp-overlay', '/'];
}

function writableDirectories(workDir: string): string[] {
  const binds = [
    [SANDBOX_BUILD, 'build'],
    [SANDBOX_OUT, 'out'],
    [SANDBOX_HOME, 'home'],
  ] as const;
  return binds.flatMap(([target, name]) => {
    const path = join(workDir, name);
    mkdirSync(path);
    chmodSync(path, 0o755);
    return ['--bind', path, target];
  });
}

/** Sorted, so that a directory is mounted before what goes into it. */
function inputs(action: Action, store: Store, workDir: string): string[] {
  const texts = join(workDir, 'texts');
  mkdirSync(texts);
  return Object.entries(action.inputs)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([path, input], index) => ['--ro-bind', hostPath(input, store, join(texts, String(index))), path]);
}

function hostPath(input: ActionInput, store: Store, textPath: string): string {
  if (input.type !== 'text') return store.pathOf(input);
  writeFileSync(textPath, input.text);
  chmodSync(textPath, input.executable === true ? 0o555 : 0o444);
  utimesSync(textPath, EPOCH_SECONDS, EPOCH_SECONDS);
  return textPath;
}

function environment(action: Action, cores: number): string[] {
  const granted = { RPM_BUILD_NCPUS: String(cores), SLIPWAY_CORES: String(cores) };
  const all = { ...FIXED_ENVIRONMENT, ...action.env, ...granted };
  return Object.entries(all).flatMap(([name, value]) => ['--setenv', name, value]);
}
