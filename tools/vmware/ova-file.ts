/** An OVA as it is published: what is in it, and by what a vCenter's copy is told from another. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { list } from 'tar';

import { BuildError } from '../errors.ts';

export interface OvaMember {
  readonly name: string;
  readonly bytes: number;
}

export interface OvaFile {
  readonly path: string;
  /** SHA-256, in hex. */
  readonly sha256: string;
  /** In the archive's order. */
  readonly members: readonly OvaMember[];
  /** Of the disks a machine gets, in order. */
  readonly capacityBytes: readonly number[];
}

/** @throws BuildError vmware/no-ova, vmware/changed-ova, vmware/bad-ova */
export async function openOva(
  path: string,
  { sha256, capacityBytes }: { readonly sha256: string | undefined; readonly capacityBytes: readonly number[] },
): Promise<OvaFile> {
  const hint = 'Build the image again';
  if (sha256 === undefined || !existsSync(path)) {
    const message = `Cannot upload "${path}": expected an OVA that SHA256SUMS vouches for`;
    throw new BuildError('vmware/no-ova', message, { hint });
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const found = hash.digest('hex');
  if (found !== sha256) {
    const message = `Cannot upload "${path}": expected SHA-256 ${sha256}, got ${found}`;
    throw new BuildError('vmware/changed-ova', message, { hint });
  }
  const members: OvaMember[] = [];
  await list({
    file: path,
    strict: true,
    onReadEntry: ({ path: name, size }) => void members.push({ name, bytes: size }),
  });
  const disks = members.filter(({ name }) => name.endsWith('.vmdk'));
  if (members[0]?.name.endsWith('.ovf') !== true || disks.length !== capacityBytes.length) {
    const finding = members.map(({ name }) => name).join(', ');
    const message = `Cannot upload "${path}": expected a descriptor and ${capacityBytes.length} disks, got ${finding}`;
    throw new BuildError('vmware/bad-ova', message, { hint });
  }
  return { path, sha256, members, capacityBytes };
}

const MARK = 'SHA-256 of the OVA: ';

/** What is written beside a copy for people, and for the next run. */
export function describeCopy({ path, sha256 }: OvaFile, title: string): string {
  return `${title}\nMade of ${basename(path)}\n${MARK}${sha256}`;
}

/** The SHA-256 of the OVA that a copy was made of. */
export function copyOf(description: string | undefined): string | undefined {
  return new RegExp(`^${MARK}([0-9a-f]{64})$`, 'm').exec(description ?? '')?.[1];
}
