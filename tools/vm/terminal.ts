import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { quoteCommand, runCommand } from '../process/command.ts';
import { machineArgv } from './machine.ts';
import type { Hardware } from './qemu.ts';
import { startTpm } from './tpm.ts';
import type { VmTools } from './tools.ts';

/** For whoever prints: QEMU itself does not say. */
export const HOW_TO_LEAVE = 'Ctrl-A X ends the machine, Ctrl-A H shows what else there is';

/**
 * Boots a machine with its serial console in this terminal, until it powers off or is left.
 * @throws BuildError vm/cannot-start
 */
export async function runInTerminal(tools: VmTools, hardware: Hardware): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'slipway-vm-'));
  try {
    await using tpm = hardware.tpm && (await startTpm(tools, dir));
    const argv = machineArgv(tools, hardware, { dir, serial: ['-serial', 'mon:stdio'], tpm: tpm?.socket });
    const { status } = await runCommand(argv, { env: {} });
    if (status === 0) return;
    throw new BuildError('vm/cannot-start', `Cannot run the machine: QEMU exited with status ${status ?? 'unknown'}`, {
      hint: `See for yourself: ${quoteCommand(argv)}`,
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
