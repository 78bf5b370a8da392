import { BuildError } from '../errors.ts';

/** Machines that builds run on, by Debian's and Go's names of them. */
export const HOSTS = ['amd64', 'arm64'] as const;
export type Host = (typeof HOSTS)[number];

const HOST_OF: Readonly<Record<string, Host>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * This machine.
 * @throws BuildError sdk/host-architecture
 */
export function ownHost(): Host {
  const host = HOST_OF[process.arch];
  if (host !== undefined) return host;
  throw new BuildError('sdk/host-architecture', `Cannot run tools on "${process.arch}": expected x64 or arm64`, {
    hint: 'Build on an x86-64 or a 64-bit ARM machine: either makes images for both',
  });
}
