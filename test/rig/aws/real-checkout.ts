import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import type { Files } from '../fixtures.ts';
import { CHECKOUT, Rig } from '../rig.ts';
import { lz4Program } from './disk-fixture.ts';
import { BLOCK_BYTES } from './world.ts';

/** A checkout of this project's own packages and one of its variants, with files of a test's own beside them. */
export async function realCheckout(variant: string, files: Files): Promise<Rig> {
  const rig = await Rig.create(files);
  await mkdir(join(rig.dir, 'variants'));
  await cp(join(CHECKOUT, 'variants', variant), join(rig.dir, 'variants', variant), { recursive: true });
  await cp(join(CHECKOUT, 'Release.yaml'), join(rig.dir, 'Release.yaml'));
  await symlink(join(CHECKOUT, 'packages'), join(rig.dir, 'packages'));
  return rig;
}

/** The file of the newest build of a variant that ends so: `.img.lz4`. */
export function builtFile({ dir }: Pick<Rig, 'dir'>, variant: string, suffix: string): string {
  const latest = realpathSync(join(dir, 'build/images', `x86_64-${variant}`, 'latest'));
  const version = latest.split('/').at(-1) ?? '';
  return join(latest, `slipway-${variant}-x86_64-${version}${suffix}`);
}

const ZEROS = Buffer.alloc(BLOCK_BYTES);

/** Block index -> SHA-256 of each block of a compressed disk that is not zero, as the lz4 program decodes it. */
export async function diskBlocks(path: string): Promise<ReadonlyMap<number, string>> {
  const [program = '', ...args] = await lz4Program();
  const child = spawn(program, [...args, '-d', '-c', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const blocks = new Map<number, string>();
  const block = Buffer.alloc(BLOCK_BYTES);
  let bytes = 0;
  for await (const piece of child.stdout) {
    if (!Buffer.isBuffer(piece)) continue;
    for (let at = 0; at < piece.length;) {
      const copied = piece.copy(block, bytes % BLOCK_BYTES, at);
      at += copied;
      bytes += copied;
      if (bytes % BLOCK_BYTES === 0 && !block.equals(ZEROS)) blocks.set(bytes / BLOCK_BYTES - 1, sha256(block));
    }
  }
  if (bytes % BLOCK_BYTES > 0) throw new Error(`Expected whole blocks, got ${bytes} bytes`);
  return blocks;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
