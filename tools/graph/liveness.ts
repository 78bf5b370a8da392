import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';

import { digestOf } from './digest.ts';

let opened = 0;

/** Kernel and pid namespace, pid, start time, and which opening of a store in that process it is. */
export function nameSession(): string {
  opened += 1;
  return `${kernelTag()}-${process.pid}-${startTime(process.pid) ?? '0'}-${opened}`;
}

/** Asks the kernel about a session's process; one it knows nothing of is alive while its directory was touched within `graceMs`. */
export function isAlive(storeDir: string, name: string, graceMs: number): boolean {
  const [tag, pid, start] = name.split('-');
  if (tag === kernelTag()) return startTime(Number(pid)) === start;
  const touchedAt = statSync(join(storeDir, 'work', name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const bootedAt = Date.now() - uptime() * 1000;
  return touchedAt > bootedAt && Date.now() - touchedAt < graceMs;
}

let tagOfThisKernel: string | undefined;

/** Process numbers mean something only within one boot and one pid namespace. */
function kernelTag(): string {
  tagOfThisKernel ??= digestOf(
    readFileSync('/proc/sys/kernel/random/boot_id', 'utf8') + readlinkSync('/proc/self/ns/pid'),
  ).hash.slice(0, 12);
  return tagOfThisKernel;
}

/** Field 22 of /proc/<pid>/stat: a process number comes back, a number with its start time does not. A zombie (field 3) is dead. */
function startTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
