import { join } from 'node:path';

import { BuildError } from '../errors.ts';

/** Where a Debian tree keeps its loader and libraries, by Node's name of this machine. */
const LOADERS: Readonly<Record<string, { readonly loader: string; readonly libraries: string }>> = {
  x64: { loader: 'usr/lib64/ld-linux-x86-64.so.2', libraries: 'usr/lib/x86_64-linux-gnu' },
  arm64: { loader: 'usr/lib/ld-linux-aarch64.so.1', libraries: 'usr/lib/aarch64-linux-gnu' },
};

/** How to start a program of a tool root from outside of it: by its own loader, with its own libraries. */
export function programOf(root: string, path: string): string[] {
  const found = LOADERS[process.arch];
  if (found === undefined) {
    throw new BuildError('sandbox/unknown-machine', `Cannot run tools on "${process.arch}": expected x64 or arm64`);
  }
  return [join(root, found.loader), '--library-path', join(root, found.libraries), join(root, path)];
}
