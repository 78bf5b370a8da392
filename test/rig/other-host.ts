import { fileURLToPath } from 'node:url';
import { z } from 'zod';

import type { Arch } from '../../tools/config/arch.ts';
import { runCommand } from '../../tools/process/command.ts';
import { programOf } from '../../tools/sandbox/program.ts';
import { openTestRoot } from './peers/root.ts';

const CHILD = fileURLToPath(new URL('other-host-child.ts', import.meta.url));

const built = z.record(z.string(), z.string());

/**
 * Builds a package with the SDK of arm64 hosts on this machine, one with x86-64: QEMU runs that SDK's programs. The kernel is told so
 * for a user namespace alone (binfmt_misc(5) has an instance in each), so the machine is left as it is, and nobody has to be root.
 * @returns RPM file -> SHA-256
 */
export async function buildAsArm64(name: string, arch: Arch): Promise<Readonly<Record<string, string>>> {
  await using opened = await openTestRoot('peers');
  const peers = opened.store.pathOf(opened.layer);
  const namespaces = ['--user', '--map-root-user', '--mount'];
  const lines: string[] = [];
  const unshare = [...programOf(peers, 'usr/bin/unshare'), ...namespaces];
  const child = [process.execPath, '--import', 'tsx', CHILD, peers, name, arch];
  const { status } = await runCommand([...unshare, ...child], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' },
    onLine: (line) => lines.push(line),
  });
  if (status !== 0) throw new Error(`Cannot build ${name} as an arm64 host does:\n${lines.slice(-30).join('\n')}`);
  return built.parse(JSON.parse(lines.at(-1) ?? ''));
}
