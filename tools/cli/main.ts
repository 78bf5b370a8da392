import { CommanderError } from 'commander';

import type { Host } from './host.ts';
import { makeProgram } from './program.ts';
import { EXIT } from './session.ts';

/** Runs one command line. Gives the exit status: 0 done, 1 failed, 2 something is not as it should be, 130 interrupted. */
export async function main(argv: readonly string[], host: Host): Promise<number> {
  const { program, status } = makeProgram(host);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status();
  } catch (error) {
    // commander has printed its message, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.failed;
    throw error;
  }
}
