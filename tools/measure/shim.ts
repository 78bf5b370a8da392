/** What shim 16 measures. Nobody has enrolled a key with it, which takes a MokManager, and no revocations but its own were applied. */
import { sectionOf } from '../secure-boot/pe.ts';
import { vendorCertificateOf } from '../secure-boot/slots.ts';
import { authorityMeasurement, programMeasurement, type Policy, type Program } from './firmware.ts';
import { measurement, type Measurement } from './pcr.ts';
import { SHA256, signatureData, signatureList, X509 } from './signature-list.ts';

const SHIM_LOCK = '605dab50-e046-4300-abb6-3dd810dd8b23';

/** SbatLevel where nothing is enforced: everything may start again. */
const NO_REVOCATIONS = 'sbat,1,2021030218\n';

export interface Shim {
  readonly shim: Buffer;
  /** What it starts. */
  readonly next: Program;
}

export function shimMeasurements({ type }: Policy, { shim, next }: Shim): readonly Measurement[] {
  const enforced = type === 'secure-boot';
  const vendor = signatureData(SHIM_LOCK, vendorCertificateOf(shim));
  // It refuses to be empty: a list of one digest that nothing has.
  const nothing = signatureData(SHIM_LOCK, Buffer.alloc(32));
  const sbatLevel = Buffer.from(enforced ? automaticRevocations(shim) : NO_REVOCATIONS);
  return [
    mokMeasurement('MokList', signatureList(X509, vendor)),
    mokMeasurement('MokListX', signatureList(SHA256, nothing)),
    authorityMeasurement({ owner: SHIM_LOCK, name: 'SbatLevel', data: sbatLevel }),
    mokMeasurement('MokListTrusted', Buffer.of(1)),
    ...(enforced ? [authorityMeasurement({ owner: SHIM_LOCK, name: 'MokListRT', data: vendor })] : []),
    programMeasurement(next),
  ];
}

function mokMeasurement(what: string, content: Buffer): Measurement {
  return measurement(14, 'EV_IPL', { what, content });
}

/** Section .sbatlevel: version 0, then from byte 4 on two offsets, counted from there, of texts that end with a zero; the first is applied. */
function automaticRevocations(shim: Buffer): string {
  const { offset, size } = sectionOf(shim, '.sbatlevel');
  const payload = shim.subarray(offset + 4, offset + size);
  const start = payload.readUInt32LE(0);
  return payload.toString('latin1', start, payload.indexOf(0, start));
}
