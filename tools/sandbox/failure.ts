import { basename } from 'node:path';

import { BuildError } from '../errors.ts';
import { freeBytes, storeFull } from '../graph/disk.ts';
import type { CommandResult } from '../process/command.ts';
import type { Action } from './action.ts';
import { noUserNamespaces } from './user-namespaces.ts';

/** Less than this, and a "No space left on device" was the store's disk, not something small inside the sandbox. */
const FULL_BYTES = 64 << 20;

/** What bubblewrap says where sysctl, AppArmor (the loopback is the first thing it denies) or a container forbids namespaces. */
const REFUSALS =
  /^bwrap: (Creating new namespace failed|No permissions to create|setting up [ug]id map|loopback: |Can't mount proc)/;

interface Said {
  /** The last lines of the log. */
  readonly lines: readonly string[];
  readonly storeDir: string;
}

/** Says what a failed command means: the command's own failure, or the host's. */
export function commandFailed({ argv }: Action, result: CommandResult, { lines, storeDir }: Said): BuildError {
  const refusal = lines.find((line) => REFUSALS.test(line));
  if (refusal !== undefined) return noUserNamespaces(refusal);
  const full =
    lines.some((line) => line.includes('No space left on device')) && (freeBytes(storeDir) ?? FULL_BYTES) < FULL_BYTES;
  const how = result.status === undefined ? `was ended by ${result.killedBy}` : `exited with status ${result.status}`;
  const seconds = (result.durationMs / 1000).toFixed(1);
  return new BuildError('sandbox/command-failed', `${programName(argv)} ${how} after ${seconds} s`, {
    hint:
      result.status === 137 ? 'Something killed it, most often for want of memory: build with fewer cores' : undefined,
    cause: full ? storeFull(storeDir) : undefined,
  });
}

/** What a person calls it: a script given to bash goes by the name or the file given with it. The log has it whole. */
function programName([program = '', ...args]: readonly string[]): string {
  if (program !== 'bash') return program;
  const script = args.findIndex((arg) => /^-\w*c$/.test(arg));
  const name = script === -1 ? args.find((arg) => arg.startsWith('/')) : args[script + 2];
  return basename(name ?? program);
}
