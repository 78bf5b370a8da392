import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { quoteCommand, runCommand } from '../process/command.ts';
import { programOf } from '../sandbox/program.ts';

/** Programs of the `vm` tool root, started by that root's own loader: the host needs neither them nor their libraries. */
export class VmTools {
  readonly #root: string;

  /** `root`: where the store keeps the tree. */
  constructor(root: string) {
    this.#root = root;
  }

  argv(program: string, args: readonly string[]): string[] {
    return [...programOf(this.#root, join('usr', program)), ...args];
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
