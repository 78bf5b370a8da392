/** As much of OpenPGP (RFC 4880) as GRUB reads: an RSA key, and a detached signature of a file by it. */
import { createHash, type KeyObject } from 'node:crypto';

import { EPOCH_SECONDS } from '../graph/epoch.ts';

const VERSION = 4;
const RSA = 1;
const SHA256 = 8;
/** 5.2.1. */
const SIGNED = { document: 0x00, key: 0x13 } as const;

/** A public-key packet (5.5.2). Its time, and so its fingerprint, is the same for everybody: only the key itself tells keys apart. */
export function publicKeyPacket(key: KeyObject): Buffer {
  return packet(6, publicKeyBody(key));
}

function publicKeyBody(key: KeyObject): Buffer {
  const { n = '', e = '' } = key.export({ format: 'jwk' });
  const numbers = [n, e].map((number) => multiprecision(Buffer.from(number, 'base64url')));
  return Buffer.concat([Buffer.of(VERSION), uint32(EPOCH_SECONDS), Buffer.of(RSA), ...numbers]);
}

/** 12.2. */
export function keyFingerprint(key: KeyObject): Buffer {
  const body = publicKeyBody(key);
  return createHash('sha1')
    .update(Buffer.concat([Buffer.of(0x99), uint16(body.length), body]))
    .digest();
}

/** What a signature of a file covers (5.2.4): the file, the head of the signature, and how long that head is. */
export function documentToBeSigned(document: Uint8Array): Buffer {
  return covered(document, SIGNED.document);
}

export interface KeySignature {
  readonly key: KeyObject;
  /** RSA, PKCS #1 1.5 with SHA-256, of what is to be signed. */
  readonly signature: Uint8Array;
}

/** A detached signature. GRUB looks for the key's id among what is not hashed. */
export function documentSignature(document: Uint8Array, signer: KeySignature): Buffer {
  return signaturePacket(documentToBeSigned(document), SIGNED.document, signer);
}

/** What a key signs to name its owner (5.2.4); without that, OpenPGP programs other than GRUB do not take it. */
export function ownerToBeSigned(key: KeyObject, owner: string): Buffer {
  const [body, name] = [publicKeyBody(key), Buffer.from(owner)];
  const both = Buffer.concat([Buffer.of(0x99), uint16(body.length), body, Buffer.of(0xb4), uint32(name.length), name]);
  return covered(both, SIGNED.key);
}

/** A key as OpenPGP programs exchange it (11.1). */
export function transferableKey(owner: string, signer: KeySignature): Buffer {
  const signature = signaturePacket(ownerToBeSigned(signer.key, owner), SIGNED.key, signer);
  return Buffer.concat([publicKeyPacket(signer.key), packet(13, Buffer.from(owner)), signature]);
}

type Kind = (typeof SIGNED)[keyof typeof SIGNED];

function covered(content: Uint8Array, kind: Kind): Buffer {
  const head = signatureHead(kind);
  return Buffer.concat([content, head, Buffer.of(VERSION, 0xff), uint32(head.length)]);
}

/** 5.2.3. */
function signaturePacket(toBeSigned: Buffer, kind: Kind, { key, signature }: KeySignature): Buffer {
  const keyId = subpackets(subpacket(16, keyFingerprint(key).subarray(-8)));
  const start = createHash('sha256').update(toBeSigned).digest().subarray(0, 2);
  return packet(2, Buffer.concat([signatureHead(kind), keyId, start, multiprecision(signature)]));
}

function signatureHead(kind: Kind): Buffer {
  const made = subpackets(subpacket(2, uint32(EPOCH_SECONDS)));
  return Buffer.concat([Buffer.of(VERSION, kind, RSA, SHA256), made]);
}

function subpacket(type: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(content.length + 1, type), content]);
}

function subpackets(content: Buffer): Buffer {
  return Buffer.concat([uint16(content.length), content]);
}

/** A number, led by how many bits it has. */
function multiprecision(number: Uint8Array): Buffer {
  const first = number.findIndex((byte) => byte !== 0);
  const digits = number.subarray(first);
  const bits = digits.length * 8 - Math.clz32(digits[0] ?? 0) + 24;
  return Buffer.concat([uint16(bits), digits]);
}

/** Of the old format with a length of two bytes (4.2.1), which every reader knows. */
function packet(tag: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x80 | (tag << 2) | 1), uint16(body.length), body]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
