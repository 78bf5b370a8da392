import { join } from 'node:path';

import type { VmTools } from './tools.ts';

/** How a disk's bytes are in its file. */
export type DiskForm = 'raw' | 'raw.lz4' | 'qcow2' | 'vmdk';

export interface DiskFile {
  readonly path: string;
  readonly form: DiskForm;
}

/** A file QEMU can open. */
export interface Drive {
  readonly path: string;
  readonly form: Exclude<DiskForm, 'raw.lz4'>;
}

/** The disk as QEMU can open it: unpacked into `dir`, holes kept, if it is compressed. */
export async function unpackDisk(tools: VmTools, { path, form }: DiskFile, dir: string): Promise<Drive> {
  if (form !== 'raw.lz4') return { path, form };
  const raw = join(dir, 'disk.raw');
  await tools.run('bin/lz4', ['-d', '-q', '-f', '--sparse', path, raw]);
  return { path: raw, form: 'raw' };
}

/** A layer over a disk that takes all writes, so that the disk stays as it was built. `sizeGiB` enlarges it, as a real volume would. */
export async function overlayDisk(
  tools: VmTools,
  base: Drive,
  { path, sizeGiB }: { path: string; sizeGiB?: number },
): Promise<Drive> {
  const size = sizeGiB === undefined ? [] : [`${sizeGiB}G`];
  await tools.run('bin/qemu-img', ['create', '-q', '-f', 'qcow2', '-b', base.path, '-F', base.form, path, ...size]);
  return { path, form: 'qcow2' };
}
