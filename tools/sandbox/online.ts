import { existsSync } from 'node:fs';

import type { RunContext } from '../graph/task.ts';
import { runCommand } from '../process/command.ts';
import type { CommandResult } from '../process/command.ts';
import { programOf } from './program.ts';

/** A client of a registry: unlike an action it has the network, and its result is trusted only for a digest of it. */
export interface OnlineCommand {
  readonly argv: readonly string[];
  /** The whole environment. It is handed over as one, never as arguments: proxies' addresses may hold passwords. */
  readonly env: Readonly<Record<string, string>>;
  /** Host paths of trees stacked into `/`, lowest first. The lowest carries bubblewrap. */
  readonly layers: readonly string[];
  /** Path inside -> directory of the host, writable. */
  readonly directories: Readonly<Record<string, string>>;
  /** Path inside -> file of the host, read-only; those that the host lacks are left out. */
  readonly files?: Readonly<Record<string, string>>;
}

/** How this host finds others. */
const RESOLVER = { '/etc/resolv.conf': '/etc/resolv.conf', '/etc/hosts': '/etc/hosts' } as const;

/** Runs a command from a tool root with the host's network. How it ended is for the caller to judge. */
export async function runOnline(
  command: OnlineCommand,
  { signal }: Pick<RunContext, 'signal'>,
  onLine: (line: string) => void,
): Promise<CommandResult> {
  return await runCommand(bubblewrap(command), { env: command.env, signal, onLine });
}

function bubblewrap({ argv, layers, directories, files = {} }: OnlineCommand): string[] {
  const [lowest] = layers;
  if (lowest === undefined) throw new TypeError('Expected at least one layer, the one that carries bubblewrap');
  const namespaces = ['--unshare-all', '--share-net', '--die-with-parent', '--uid', '0', '--gid', '0'];
  const root = [...layers.flatMap((layer) => ['--overlay-src', layer]), '--tmp-overlay', '/'];
  const system = ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'];
  const writable = Object.entries(directories).flatMap(([inside, path]) => ['--bind', path, inside]);
  const readable = Object.entries({ ...RESOLVER, ...files })
    .filter(([, path]) => existsSync(path))
    .flatMap(([inside, path]) => ['--ro-bind', path, inside]);
  return [...programOf(lowest, 'usr/bin/bwrap'), ...namespaces, ...root, ...system, ...writable, ...readable, ...argv];
}
