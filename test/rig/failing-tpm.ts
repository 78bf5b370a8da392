import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { runCommand } from '../../tools/process/command.ts';
import { VmTools } from '../../tools/vm/tools.ts';

const PROXY = join(import.meta.dirname, 'failing-tpm.py');

/** Programs whose TPM fails, from the first measurement into a PCR on. */
export class FailingTpmTools extends VmTools {
  readonly #pcr: number;

  constructor(root: string, pcr: number) {
    super(root);
    this.#pcr = pcr;
  }

  override async run(program: string, args: readonly string[]): Promise<string> {
    if (program !== 'bin/swtpm') return await super.run(program, args);
    const socket = /path=(.*)/.exec(args.find((arg) => arg.startsWith('type=unixio')) ?? '')?.[1] ?? '';
    const own = `${socket}.own`;
    const said = await super.run(
      program,
      args.map((arg) => arg.replace(socket, own)),
    );
    // It ends with the machine that is connected to it.
    void runCommand(this.argv('bin/python3', [PROXY, socket, own, String(this.#pcr)]), { env: {}, onLine: () => {} });
    while (!existsSync(socket)) await setTimeout(10);
    return said;
  }
}
