import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Store } from '../graph/store.ts';
import type { Output, Outputs, RunContext } from '../graph/task.ts';
import { quoteCommand, runCommand, type CommandResult } from '../process/command.ts';
import type { Action } from './action.ts';
import { commandFailed } from './failure.ts';
import { mountOptions } from './mounts.ts';
import { collectOutputs } from './outputs.ts';
import { programOf } from './program.ts';
import type { Sandbox } from './sandbox.ts';
import { parseTimes, wrapped } from './wrapper.ts';

/**
 * bubblewrap out of the lowest layer itself, started by that layer's own loader: the host needs neither it nor its libraries. User
 * namespaces make the builder root inside, so it runs the same for root and for an ordinary user.
 */
export class BubblewrapSandbox implements Sandbox {
  readonly #store: Store;
  readonly #launcher: Output | undefined;

  /** A launcher is a root to take bubblewrap from where this machine cannot start the one in the layers. */
  constructor(store: Store, launcher?: Output) {
    this.#store = store;
    this.#launcher = launcher;
  }

  async run(action: Action, context: RunContext): Promise<Outputs> {
    const { workDir } = context;
    const options = mountOptions(action, { store: this.#store, workDir, cores: context.cores });
    const tail: string[] = [];
    const result = await this.#bubblewrap({ action, options, context }, (line) => {
      tail.push(line);
      if (tail.length > 50) tail.shift();
      context.log(line);
    });
    context.signal.throwIfAborted();
    if (result.status !== 0) throw commandFailed(action, result, { lines: tail, storeDir: this.#store.dir });
    return await collectOutputs(action, join(workDir, 'out'), this.#store);
  }

  async shell(action: Action, { workDir, cores }: Pick<RunContext, 'workDir' | 'cores'>): Promise<number> {
    const options = mountOptions(action, { store: this.#store, workDir, cores });
    // `replay` in the shell is the very command, in the place it starts in.
    const rc = `umask 022\nPS1='[slipway \\w]# '\nreplay() { ${quoteCommand(action.argv)}; }\n`;
    writeFileSync(join(workDir, 'home', '.bashrc'), rc);
    const command = [...this.#program(action), ...options, '--', '/usr/bin/bash', '-i'];
    const { status } = await runCommand(command, { env: {} });
    return status ?? 1;
  }

  async #bubblewrap({ action, options, context }: Invocation, onLine: (line: string) => void): Promise<CommandResult> {
    const { workDir, signal } = context;
    const argsPath = join(workDir, 'bwrap-args');
    const timesPath = join(workDir, 'times');
    // By file, for a hundred layers and more are longer than an argument list may be.
    writeFileSync(argsPath, options.map((option) => `${option}\0`).join(''));
    const fds = [openSync(timesPath, 'w'), openSync(argsPath, 'r')];
    const command = [...this.#program(action), '--args', '4', '--', ...wrapped(action.argv)];
    try {
      return await runCommand(command, { env: {}, onLine, signal, fds });
    } finally {
      for (const fd of fds) closeSync(fd);
      context.addCpuSeconds(parseTimes(readFileSync(timesPath, 'utf8')));
    }
  }

  #program({ layers: [lowest] }: Action): string[] {
    return programOf(this.#store.pathOf(this.#launcher ?? lowestLayer(lowest)), 'usr/bin/bwrap');
  }
}

interface Invocation {
  readonly action: Action;
  readonly options: readonly string[];
  readonly context: RunContext;
}

function lowestLayer(layer: Output | undefined): Output {
  if (layer === undefined)
    throw new TypeError('Expected an action with at least one layer, the one that carries bubblewrap');
  return layer;
}
