import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

import { BuildError } from '../errors.ts';

/** A member of an ar archive, by where its bytes are. */
export interface Member {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const MAGIC = '!<arch>\n';
const HEADER = 60;

/**
 * Lists the members of a Debian package. Each has a header of 60 characters, name (16), date, owner, group, mode (32), size (10)
 * and a mark (2), and starts at an even offset. Names longer than 16 do not occur in packages.
 */
export async function readMembers(path: string): Promise<readonly Member[]> {
  await using file = await open(path);
  const { size: end } = await file.stat();
  if ((await textAt(file, 0, MAGIC.length)) !== MAGIC) throw notAnArchive(path, 'expected an ar archive');
  const members: Member[] = [];
  for (let at = MAGIC.length; at < end;) {
    const header = await textAt(file, at, HEADER);
    const size = Number.parseInt(header.slice(48, 58), 10);
    const offset = at + HEADER;
    if (!header.endsWith('`\n') || !(size >= 0))
      throw notAnArchive(path, `expected the header of a member at byte ${at}`);
    if (offset + size > end) throw notAnArchive(path, `expected ${offset + size} bytes, got ${end}`);
    members.push({ name: header.slice(0, 16).trimEnd().replace(/\/$/, ''), offset, size });
    at = offset + size + (size % 2);
  }
  return members;
}

async function textAt(file: FileHandle, position: number, length: number): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.toString('latin1', 0, bytesRead);
}

function notAnArchive(path: string, finding: string): BuildError {
  return new BuildError('sdk/not-a-package', `Cannot read package "${path}": ${finding}`);
}
