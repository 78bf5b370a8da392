/**
 * Identifiers that follow from content: the same image has the same ones everywhere, and two images that differ can be in one
 * machine. `of` names what is identified, so that no two things of one image share a value.
 */
import { digestOf } from '../graph/digest.ts';

export interface Identified {
  readonly of: string;
  /** Digests of content, or short text in place of them. */
  readonly from: readonly string[];
}

/** RFC 9562, version 8: 122 bits of our own making. */
export function contentUuid(identified: Identified): string {
  const hex = hash(identified);
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}

/** 32 bytes as hex. */
export function contentSalt(identified: Identified): string {
  return hash(identified);
}

/** 4 bytes as hex: a FAT volume's serial number, a VMDK's content id. */
export function contentId(identified: Identified): string {
  return hash(identified).slice(0, 8);
}

function hash({ of, from }: Identified): string {
  return digestOf(JSON.stringify([of, ...from])).hash;
}
