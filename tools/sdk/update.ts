import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { BuildError } from '../errors.ts';
import type { RunContext } from '../graph/task.ts';
import type { Mirrors } from '../sources/mirrors.ts';
import { prepareApt, runApt, sourceLine } from './apt.ts';
import type { Apt } from './apt.ts';
import { lockFile, readLock, readRequest } from './definition.ts';
import type { ToolRootName } from './definition.ts';
import type { Host } from './host.ts';
import { printLock } from './lock.ts';
import type { Lock, LockedPackage } from './lock.ts';
import type { Request } from './request.ts';
import { lockOf, momentOf, parseSolution } from './solution.ts';

export interface UpdateOptions {
  readonly name: ToolRootName;
  /** Whose programs are solved for. */
  readonly host: Host;
  /** Host path of the `sdk` root as it is now: apt runs from it. */
  readonly root: string;
  readonly mirrors: Mirrors;
  readonly now: Date;
}

/** Solves a request against what the archive holds today, and writes its lock. */
export async function updateLock(
  { name, host, root, mirrors, now }: UpdateOptions,
  context: RunContext,
): Promise<Lock> {
  const request = readRequest({ name, host });
  const apt = { root, host, dir: join(context.workDir, `apt-${host}`) };
  const solved = lockOf(request, await solve(request, { apt, mirrors, now }, context), now);
  const file = lockFile({ name, host });
  const before = existsSync(file) ? readLock({ name, host }) : undefined;
  // The archive still has what was locked: then the moment of that lock is as good, and the file stays as it is.
  const same = before !== undefined && isDeepStrictEqual(sorted(before), sorted(solved));
  const lock = same ? { ...solved, date: before.date } : solved;
  const aside = `${file}.part`;
  await writeFile(aside, printLock(lock));
  await rename(aside, file);
  return lock;
}

function sorted({ packages }: Lock): LockedPackage[] {
  return packages.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

interface Archive {
  readonly apt: Apt;
  readonly mirrors: Mirrors;
  readonly now: Date;
}

/** With the first mirror that answers: a host without Debian has only public ones, and any of them may be down. */
async function solve(request: Request, { apt, mirrors, now }: Archive, context: RunContext): Promise<LockedPackage[]> {
  const failures: unknown[] = [];
  for (const base of mirrors.debian) {
    await prepareApt(apt, sourceLine(base, request.suite) + securityLine(request, mirrors, now));
    try {
      await runApt(apt, ['update', '--error-on=any'], context);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      failures.push(error);
      continue;
    }
    return parseSolution(
      await runApt(apt, ['install', '--yes', '--print-uris', '--quiet=2', ...request.packages], context),
    );
  }
  throw new BuildError('sdk/no-mirror', 'Cannot solve a tool root: no mirror gave its lists of packages', {
    cause: failures.at(-1),
  });
}

/** Where no mirror of the security archive is known, the snapshots have it as of now. */
function securityLine({ suite }: Request, { security, snapshot }: Mirrors, now: Date): string {
  const [known] = security;
  const past = snapshot === undefined ? [] : [`${snapshot}/archive/debian-security/${momentOf(now)}`];
  return [known, ...past]
    .filter((base) => base !== undefined)
    .slice(0, 1)
    .map((base) => sourceLine(base, `${suite}-security`))
    .join('');
}
