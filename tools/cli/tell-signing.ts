/** Roles that wait for signatures, as people are told of them: whose are lacking, what is to be signed, and what to do with it. */
import { createHash } from 'node:crypto';
import { join, relative } from 'node:path';

import { formatBytes } from '../report/format.ts';
import { lackingUnder } from '../tuf/half-signed.ts';
import type { Lacking } from '../tuf/half-signed.ts';
import { canonicalBytes } from '../tuf/key.ts';
import { short } from '../tuf/role.ts';
import { tbsFile } from '../tuf/signing-request.ts';
import type { WaitingEdition } from '../tuf/write-edition.ts';
import type { Session } from './session.ts';

export function describeLacking({ said, signed, others, threshold: wanted }: Lacking, role: string): string {
  return `  ${said} wants ${wanted} of its ${role} keys: ${signed.length} signed${others.length === 0 ? '' : `, ${others.map(short).join(' and ')} did not`}`;
}

interface Shown {
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** `folder`: as it was given on the command line. */
export function describeWaiting({ half, authority, fleet, dir, requestDir }: WaitingEdition): Shown {
  const { role, signed, signatures } = half;
  const payload = canonicalBytes(signed);
  const sha256 = createHash('sha256').update(payload).digest('hex');
  const lacking = lackingUnder({ payload, signatures }, authority);
  const file = join(requestDir, tbsFile(role));
  return {
    text: [
      `${fleet.variant} for ${fleet.arch} waits for signatures of ${role} version ${signed.version}, good until ${signed.expires}, in ${relative('', dir)}/`,
      `  ${file}: ${formatBytes(payload.byteLength)}, SHA-256 ${sha256}`,
      describeLacking(lacking, role),
    ].join('\n'),
    json: { ...fleet, state: 'waiting', role, version: signed.version, dir, file, sha256, lacking },
  };
}

/** Where to go from there. */
export function describeSigning({ command }: Session, folder: string): string {
  return [
    `Where the keys are: ${command} repo sign ${folder} --key <key>, or by other means: each .tbs file, into a .sig beside it`,
    `Then, here: ${command} repo sign --from ${folder}`,
  ].join('\n');
}
