import { join } from 'node:path';

import type { Arch } from '../config/arch.ts';
import { BuildError } from '../errors.ts';
import { quoteCommand, runCommand } from '../process/command.ts';

/** Programs of the `vm` tool root, started by that root's own loader: the host needs neither them nor their libraries. */
export class VmTools {
  readonly #root: string;

  /** `root`: where the store keeps the tree. */
  constructor(root: string) {
    this.#root = root;
  }

  argv(program: string, args: readonly string[]): string[] {
    const { loader, libraries } = process.arch === 'arm64' ? LOADERS.aarch64 : LOADERS.x86_64;
    return [this.path(loader), '--library-path', this.path(libraries), this.path(join('usr', program)), ...args];
  }

  /** A file of the root, on the host. */
  path(file: string): string {
    return join(this.#root, file);
  }

  /** @throws BuildError vm/tool-failed */
  async run(program: string, args: readonly string[]): Promise<string> {
    const lines: string[] = [];
    const argv = this.argv(program, args);
    const { status } = await runCommand(argv, { env: {}, onLine: (line) => lines.push(line) });
    if (status === 0) return lines.join('\n');
    throw new BuildError(
      'vm/tool-failed',
      `Cannot prepare the machine: ${program} exited with status ${status ?? 'unknown'}`,
      {
        hint: `See for yourself: ${quoteCommand(argv)}`,
        cause: new Error(lines.slice(-5).join('\n')),
      },
    );
  }
}

const LOADERS = {
  x86_64: { loader: 'usr/lib64/ld-linux-x86-64.so.2', libraries: 'usr/lib/x86_64-linux-gnu' },
  aarch64: { loader: 'usr/lib/ld-linux-aarch64.so.1', libraries: 'usr/lib/aarch64-linux-gnu' },
} as const satisfies Record<Arch, { loader: string; libraries: string }>;
