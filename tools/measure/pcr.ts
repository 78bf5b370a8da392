/** What a TPM 2.0 is told during a boot, and what its PCRs hold then (TCG PC Client Platform Firmware Profile 1.06). */
import { createHash } from 'node:crypto';

/** Each has its own bank of PCRs; which of them a TPM keeps is its owner's choice. */
export const HASHES = ['sha1', 'sha256', 'sha384', 'sha512'] as const;
export type Hash = (typeof HASHES)[number];

/** 10.4.1: how an event log numbers what was measured. */
export const EVENT_TYPES = {
  EV_SEPARATOR: 0x04,
  EV_EVENT_TAG: 0x06,
  EV_IPL: 0x0d,
  EV_EFI_VARIABLE_DRIVER_CONFIG: 0x80000001,
  EV_EFI_BOOT_SERVICES_APPLICATION: 0x80000003,
  EV_EFI_ACTION: 0x80000007,
  EV_EFI_VARIABLE_AUTHORITY: 0x800000e0,
} as const;
export type EventType = keyof typeof EVENT_TYPES;

export interface Measurement {
  readonly pcr: number;
  readonly type: EventType;
  /** For people. */
  readonly what: string;
  readonly digest: (hash: Hash) => Buffer;
}

/** A measurement of bytes as they are. */
export function measurement(pcr: number, type: EventType, { what, content }: Measured): Measurement {
  return { pcr, type, what, digest: (hash) => createHash(hash).update(content).digest() };
}

export interface Measured {
  readonly what: string;
  readonly content: Uint8Array;
}

/** A PCR as hex after all of its measurements: each extends what it held (TPM 2.0 Library, Part 1, 17.2), from zeros on. */
export function replay(measurements: readonly Measurement[], pcr: number, hash: Hash): string {
  const start = Buffer.alloc(createHash(hash).digest().length);
  return measurements
    .filter((each) => each.pcr === pcr)
    .reduce((value, { digest }) => createHash(hash).update(value).update(digest(hash)).digest(), start)
    .toString('hex');
}
