/**
 * What UEFI firmware measures before and when it starts the first program of a disk, in the order of EDK II, of which most firmware is
 * made. Nothing else may have been started before: no driver of a card, no network boot, no setup program.
 */
import { z } from 'zod';

import { loadedDigest } from '../secure-boot/pe.ts';
import { measurement, type EventType, type Measurement } from './pcr.ts';
import { findSignature, guidBytes } from './signature-list.ts';

const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const SECURITY = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';

/** Which programs a machine starts. */
export type Policy =
  /** Those that its variables trust. `authority`: the certificate (DER) of db that vouches for the first program. */
  | { readonly type: 'secure-boot'; readonly variables: Variables; readonly authority: Buffer }
  /** All, for it has no Secure Boot to switch on. */
  | { readonly type: 'uefi' };

/** What is in PK, KEK, db and dbx. */
export type Variables = ReadonlyMap<string, Buffer>;

const variablesSchema = z.object({
  variables: z.array(z.object({ name: z.string(), data: z.string().regex(/^(?:[0-9a-f]{2})*$/i) })),
});

/** The text of an efi-vars.json (virt-firmware). */
export function parseVariables(text: string): Variables {
  const { variables } = variablesSchema.parse(JSON.parse(text));
  return new Map(variables.map(({ name, data }) => [name, Buffer.from(data, 'hex')]));
}

/** 8.2.4: all that the policy is made of, and who vouches for the first program; 3.3.4.5: that program. */
export function firmwareMeasurements(policy: Policy, first: Program): readonly Measurement[] {
  const enforced = policy.type === 'secure-boot';
  const variables = enforced ? policy.variables : new Map<string, Buffer>();
  const content = (name: string) => variables.get(name) ?? Buffer.alloc(0);
  const action = { what: 'Calling EFI Application from Boot Option' };
  return [
    configMeasurement({ owner: GLOBAL, name: 'SecureBoot', data: enforced ? Buffer.of(1) : Buffer.alloc(0) }),
    ...['PK', 'KEK'].map((name) => configMeasurement({ owner: GLOBAL, name, data: content(name) })),
    ...['db', 'dbx'].map((name) => configMeasurement({ owner: SECURITY, name, data: content(name) })),
    separator(7),
    measurement(4, 'EV_EFI_ACTION', { ...action, content: Buffer.from(action.what) }),
    separator(4),
    ...(enforced
      ? [authorityMeasurement({ owner: SECURITY, name: 'db', data: vouching(content('db'), policy.authority) })]
      : []),
    programMeasurement(first),
  ];
}

function vouching(db: Buffer, authority: Buffer): Buffer {
  const found = findSignature(db, authority);
  if (found === undefined) throw new TypeError('Expected the authority among what db has');
  return found;
}

/** What firmware says when it has done its part: four bytes of zeros. */
function separator(pcr: number): Measurement {
  return measurement(pcr, 'EV_SEPARATOR', {
    what: 'end of what is before the operating system',
    content: Buffer.alloc(4),
  });
}

export interface Program {
  /** Its path on the disk. */
  readonly name: string;
  readonly content: Buffer;
}

export function programMeasurement({ name, content }: Program): Measurement {
  return {
    pcr: 4,
    type: 'EV_EFI_BOOT_SERVICES_APPLICATION',
    what: name,
    digest: (hash) => loadedDigest(content, hash),
  };
}

interface Variable {
  readonly owner: string;
  readonly name: string;
  readonly data: Buffer;
}

function configMeasurement(variable: Variable): Measurement {
  return variableMeasurement('EV_EFI_VARIABLE_DRIVER_CONFIG', variable);
}

/** What vouched for a program. */
export function authorityMeasurement(variable: Variable): Measurement {
  return variableMeasurement('EV_EFI_VARIABLE_AUTHORITY', variable);
}

/** UEFI_VARIABLE_DATA (10.2.6): owner, length of the name in characters and of the data in bytes, 64 bits each, name, data. */
function variableMeasurement(type: EventType, { owner, name, data }: Variable): Measurement {
  const lengths = Buffer.alloc(16);
  lengths.writeBigUInt64LE(BigInt(name.length), 0);
  lengths.writeBigUInt64LE(BigInt(data.length), 8);
  const content = Buffer.concat([guidBytes(owner), lengths, Buffer.from(name, 'utf16le'), data]);
  return measurement(7, type, { what: name, content });
}
