import { z } from 'zod';

import type { Machine } from '../../tools/vm/machine.ts';
import type { Rig } from './rig.ts';

/** Hash algorithm -> PCR -> value as hex. */
export type Pcrs = Readonly<Record<string, Readonly<Record<string, string>>>>;

const HASHES = ['sha1', 'sha256', 'sha384', 'sha512'];

/** What the machine's TPM holds, of these PCRs. */
export async function readPcrs(machine: Machine, pcrs: readonly string[]): Promise<Pcrs> {
  const banks: Record<string, Record<string, string>> = {};
  for (const hash of HASHES) {
    const { output } = await machine.run(`cd /sys/class/tpm/tpm0/pcr-${hash} && head ${pcrs.join(' ')}`);
    const found = [...output.matchAll(/==> (\d+) <==\n([0-9A-F]+)/g)];
    banks[hash] = Object.fromEntries(found.map(([, pcr = '', value = '']) => [pcr, value.toLowerCase()]));
  }
  return banks;
}

/** The firmware's event log, where the kernel has it. */
export async function readEventLog(machine: Machine): Promise<Buffer> {
  const { output } = await machine.run('base64 -w 1000 /sys/kernel/security/tpm0/binary_bios_measurements');
  return Buffer.from(output, 'base64');
}

const predictionSchema = z.object({
  boots: z.array(z.object({ bank: z.string(), pcrs: z.record(z.string(), z.record(z.string(), z.string())) })),
});

/** What "pcrs" says of the newest image of metal-dev, of another checkout where one is named: bank of the disk -> PCRs. */
export async function predictedPcrs(
  checkout: Rig,
  { at = checkout.dir, flags = [] }: { readonly at?: string; readonly flags?: readonly string[] } = {},
): Promise<ReadonlyMap<string, Pcrs>> {
  const events = await checkout.events('-C', at, 'pcrs', '--variant', 'metal-dev', ...flags);
  const result = events.find(({ type }) => type === 'result');
  if (result === undefined) throw new Error(JSON.stringify(events));
  return new Map(predictionSchema.parse(result['data']).boots.map(({ bank, pcrs }) => [bank, pcrs]));
}
