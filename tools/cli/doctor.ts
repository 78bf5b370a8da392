import type { Command } from 'commander';

import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';

import { BuildError } from '../errors.ts';
import { formatBytes, formatTable } from '../report/format.ts';
import { probeUserNamespaces } from '../sandbox/user-namespaces.ts';
import { example } from './help.ts';
import type { Host } from './host.ts';
import type { RunVerb } from './session.ts';

const GIB = 1024 ** 3;
const WANTED_DISK = 15 * GIB;
const WANTED_MEMORY = 4 * GIB;
/** overlayfs in user namespaces. */
const WANTED_KERNEL = [5, 11] as const;

interface Finding {
  readonly what: string;
  readonly found: string;
  /** How to mend it; absent where nothing is wrong. */
  readonly cure?: string | undefined;
}

export function addDoctor(program: Command, run: RunVerb): void {
  program
    .command('doctor')
    .description('Say what this machine lacks for a build, and the cure')
    .addHelpText('after', example('doctor'))
    .action(() =>
      run(({ host, result }) => {
        const findings = examine(host);
        const rows = findings.map(({ what, found, cure }) => [cure === undefined ? 'ok' : 'MISSING', what, found]);
        const cures = findings.flatMap(({ what, cure }) => (cure === undefined ? [] : [`${what}: ${cure}`]));
        result([formatTable(rows), ...cures].join('\n'), findings);
        if (cures.length > 0)
          throw new BuildError(
            'cli/unfit-host',
            `Cannot build on this machine yet: ${cures.length} of ${findings.length} checks failed`,
          );
        return Promise.resolve();
      }),
    );
}

function examine({ cacheDir }: Host): readonly Finding[] {
  return [kernel(), userNamespaces(), memory(), disk(cacheDir), writable(cacheDir)];
}

function kernel(): Finding {
  const found = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const [major = 0, minor = 0] = found.split('.').map(Number);
  const [wantedMajor, wantedMinor] = WANTED_KERNEL;
  const enough = major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return {
    what: 'kernel',
    found,
    cure: enough
      ? undefined
      : `Boot Linux ${WANTED_KERNEL.join('.')} or newer: sandboxes stack overlays without privilege`,
  };
}

function userNamespaces(): Finding {
  const problem = probeUserNamespaces();
  return {
    what: 'user namespaces',
    found: problem === undefined ? 'allowed' : problem.message,
    cure: problem === undefined ? undefined : (problem.hint ?? 'Allow them'),
  };
}

function memory(): Finding {
  const bytes = totalmem();
  return {
    what: 'memory',
    found: formatBytes(bytes),
    cure:
      bytes >= WANTED_MEMORY
        ? undefined
        : `Give the machine ${formatBytes(WANTED_MEMORY)}: the largest builds need that`,
  };
}

function disk(cacheDir: string): Finding {
  const { bavail, bsize } = statfsSync(nearest(cacheDir));
  const free = bavail * bsize;
  const cure = `Free ${formatBytes(WANTED_DISK)} there, shrink the store with "gc --keep-size", or set SLIPWAY_CACHE to another disk`;
  return {
    what: 'free disk',
    found: `${formatBytes(free)} for ${cacheDir}`,
    cure: free >= WANTED_DISK ? undefined : cure,
  };
}

function writable(cacheDir: string): Finding {
  const dir = nearest(cacheDir);
  try {
    accessSync(dir, constants.W_OK);
    return { what: 'store', found: `${cacheDir} can be written` };
  } catch {
    return { what: 'store', found: `${dir} cannot be written`, cure: 'Set SLIPWAY_CACHE to a directory of yours' };
  }
}

function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}
