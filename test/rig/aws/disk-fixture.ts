import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';

import { Peers } from '../peers.ts';
import { BLOCK_BYTES } from './world.ts';

export interface DiskFixture {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface DiskPlan {
  readonly bytes: number;
  /** Block index -> seed of its content; all others are holes. */
  readonly blocks: Readonly<Record<number, string>>;
}

let lz4: readonly string[] | undefined;

/** The LZ4 of the tool root `peers`, as a command line. */
export async function lz4Program(): Promise<readonly string[]> {
  lz4 ??= (await Peers.create()).program('usr/bin/lz4');
  return lz4;
}

/** A `.img.lz4` as a build makes one: mostly holes, with `blocks` (index -> seed) of bytes that look random. */
export async function makeDisk(path: string, { bytes, blocks }: DiskPlan): Promise<DiskFixture> {
  const raw = `${path}.raw`;
  const file = openSync(raw, 'w');
  ftruncateSync(file, bytes);
  for (const [index, seed] of Object.entries(blocks))
    writeSync(file, blockOf(seed), 0, BLOCK_BYTES, Number(index) * BLOCK_BYTES);
  closeSync(file);
  const [program = '', ...args] = await lz4Program();
  execFileSync(program, [...args, '-9', '-q', '-f', raw, path]);
  rmSync(raw);
  return { path, bytes, sha256: createHash('sha256').update(readFileSync(path)).digest('hex') };
}

/** Bytes that depend on the seed only. */
export function blockOf(seed: string): Buffer {
  return createHash('shake256', { outputLength: BLOCK_BYTES }).update(seed).digest();
}
