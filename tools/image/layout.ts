/**
 * The one home of partition geometry. A bank is what an update replaces as one: ESP, boot, root, hash and room to grow. Boot,
 * root and hash stay neighbours in that order, because the kernel line finds root and hash by counting from boot.
 */
import type { ImageManifest } from '../config/variant.ts';
import { BuildError } from '../errors.ts';

/** What the build writes there. A partition without one leaves the factory blank. */
export type Content = 'bios' | 'esp' | 'boot' | 'root' | 'verity' | 'private' | 'data';

export interface Partition {
  readonly key: string;
  readonly number: number;
  /** GPT name; how the running system finds it. Empty for data: the first boot names the one it takes. */
  readonly label: string;
  readonly startMiB: number;
  readonly sizeMiB: number;
  readonly type: string;
  /** Absent: derived from the image's content. */
  readonly guid: string | undefined;
  /** GPT attribute bits set at the factory. */
  readonly attributeBits: readonly number[];
  readonly content: Content | undefined;
}

export interface Disk {
  readonly key: 'os' | 'data';
  readonly sizeMiB: number;
  readonly partitions: readonly Partition[];
}

export interface Layout {
  /** The OS disk, and under the split plan the data disk. */
  readonly disks: readonly [Disk] | readonly [Disk, Disk];
  /** Volumes a published image asks for. `dataGiB` is absent when data lives on the OS volume. */
  readonly volumes: { readonly osGiB: number; readonly dataGiB: number | undefined };
}

export interface LayoutInput {
  readonly image: ImageManifest;
  readonly osName: string;
}

type Kind = 'BIOS-BOOT' | 'EFI' | 'BOOT' | 'ROOT' | 'HASH' | 'RESERVED' | 'PRIVATE' | 'DATA';

/** Firmware, GRUB and updaters of every release go by these. */
const TYPES = {
  'BIOS-BOOT': '21686148-6449-6e6f-744e-656564454649',
  EFI: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  BOOT: '6b636168-7420-6568-2070-6c616e657421',
  ROOT: '5526016a-1a97-4ea4-b39a-b7c8c6ca4502',
  HASH: '598f10af-c955-4456-6a99-7720068a6cea',
  RESERVED: '0c5d99a5-d331-4147-baef-08e2b855bdc9',
  PRIVATE: '440408bb-eb0b-4328-a6e5-a29038fad706',
  DATA: '626f7474-6c65-6474-6861-726d61726b73',
} as const satisfies Record<Kind, string>;

/** Holds the place of a second ESP; a type of its own keeps firmware from booting from it. */
const EFI_BACKUP_TYPE = 'b39ce39c-0a00-b4ab-2d11-f18f8237a21c';

/** The first boot takes the preferred data partition if the machine has one, else the fallback. */
const PREFERRED_DATA = '5b94e8df-28b8-485c-9d19-362263b5944c';
const FALLBACK_DATA = '69040874-417d-4e26-a764-7885f22007ea';

/** Bank A at the factory: priority 1 (bits 48 to 51), no tries left to spend (52 to 55), known to boot (56). */
const FACTORY_BITS = [48, 56];

const GPT_MIB = 1;
const BIOS_MIB = 4;
const EFI_MIB = 5;

/** An ext4 of 4 KiB blocks, and a file on most hosts, ends here. */
const LARGEST_DISK_MIB = 16 * 1024 * 1024;

/** A partition before it has a place. */
interface Piece {
  readonly kind: Kind;
  readonly key: string;
  readonly sizeMiB: number;
  readonly guid?: string;
  readonly content?: Content;
}

/** @throws BuildError image/disk-too-large */
export function planLayout({ image, osName }: LayoutInput): Layout {
  const { plan, os, data } = image.layout;
  const unified = plan === 'unified';
  const osDisk = planDisk('os', unified ? os + data : os, place(osPieces(image), osName));
  const volumes = planVolumes(image);
  if (unified) return { disks: [osDisk], volumes };
  const whole: Piece = { ...PREFERRED, key: 'DATA-B', sizeMiB: data - 2 * GPT_MIB };
  return { disks: [osDisk, planDisk('data', data, place([whole], osName))], volumes };
}

/** The partition of the layout that holds `content`. */
export function partitionOf(layout: Layout, content: Content): Partition {
  const found = layout.disks.flatMap((disk) => disk.partitions).find((partition) => partition.content === content);
  if (found === undefined) throw new TypeError(`No partition holds ${content}`);
  return found;
}

const PREFERRED = { kind: 'DATA', guid: PREFERRED_DATA, content: 'data' } as const;

function osPieces({ layout, features }: ImageManifest): Piece[] {
  const osGiB = layout.os / 1024;
  const twoBanks = features['in-place-updates'];
  return [
    { kind: 'BIOS-BOOT', key: 'BIOS-BOOT', sizeMiB: BIOS_MIB, content: 'bios' },
    ...bankA(osGiB, twoBanks ? 1 : 2),
    ...(twoBanks ? bankB(osGiB) : []),
    { kind: 'PRIVATE', key: 'PRIVATE', sizeMiB: 24 * osGiB - 7, content: 'private' },
    layout.plan === 'unified'
      ? { ...PREFERRED, key: 'DATA-A', sizeMiB: layout.data }
      : { kind: 'DATA', key: 'DATA-A', sizeMiB: 1, guid: FALLBACK_DATA },
  ];
}

/** An only bank takes the room of two: `times` is 2. */
function bankA(osGiB: number, times: 1 | 2): Piece[] {
  const sizes = bankSizes(osGiB);
  return [
    { kind: 'EFI', key: 'EFI-SYSTEM', sizeMiB: EFI_MIB * times, content: 'esp' },
    { kind: 'BOOT', key: 'BOOT-A', sizeMiB: sizes.boot * times, content: 'boot' },
    { kind: 'ROOT', key: 'ROOT-A', sizeMiB: sizes.root * times, content: 'root' },
    { kind: 'HASH', key: 'HASH-A', sizeMiB: sizes.hash * times, content: 'verity' },
    { kind: 'RESERVED', key: 'RESERVED-A', sizeMiB: sizes.reserved * times },
  ];
}

function bankB(osGiB: number): Piece[] {
  const sizes = bankSizes(osGiB);
  return [
    { kind: 'EFI', key: 'EFI-BACKUP', sizeMiB: EFI_MIB },
    { kind: 'BOOT', key: 'BOOT-B', sizeMiB: sizes.boot },
    { kind: 'ROOT', key: 'ROOT-B', sizeMiB: sizes.root },
    { kind: 'HASH', key: 'HASH-B', sizeMiB: sizes.hash },
    { kind: 'RESERVED', key: 'RESERVED-B', sizeMiB: sizes.reserved },
  ];
}

/** With the ESP, a bank is 500 MiB per GiB of OS disk. */
function bankSizes(osGiB: number) {
  return { boot: 20 * osGiB, root: 460 * osGiB, hash: 5 * osGiB, reserved: 15 * osGiB - EFI_MIB };
}

/** End to end, behind the primary GPT. */
function place(pieces: readonly Piece[], osName: string): Partition[] {
  let startMiB = GPT_MIB;
  return pieces.map((piece, index) => {
    const partition = {
      key: piece.key,
      number: index + 1,
      label: labelOf(piece, osName),
      startMiB,
      sizeMiB: piece.sizeMiB,
      type: piece.key === 'EFI-BACKUP' ? EFI_BACKUP_TYPE : TYPES[piece.kind],
      guid: piece.guid,
      attributeBits: piece.key === 'BOOT-A' ? FACTORY_BITS : [],
      content: piece.content,
    };
    startMiB += piece.sizeMiB;
    return partition;
  });
}

function labelOf({ kind, key }: Piece, osName: string): string {
  if (kind === 'DATA') return '';
  if (kind === 'BIOS-BOOT' || kind === 'EFI') return key;
  return `${osName.toUpperCase()}-${key}`;
}

function planDisk(key: Disk['key'], sizeMiB: number, partitions: readonly Partition[]): Disk {
  if (sizeMiB <= LARGEST_DISK_MIB) return { key, sizeMiB, partitions };
  throw new BuildError(
    'image/disk-too-large',
    `Cannot lay out disk "${key}": expected at most 16 TiB, got ${sizeMiB / 1024} GiB`,
    {
      hint: 'Lower image.layout.os or image.layout.data; data grows to the size of the real volume at the first boot',
    },
  );
}

/** What the disks leave of the published size goes to data, which grows into it at the first boot. */
function planVolumes({ layout }: ImageManifest): Layout['volumes'] {
  const totalGiB = Math.max(layout.publish, layout.os + layout.data) / 1024;
  const osGiB = layout.os / 1024;
  return layout.plan === 'unified' ? { osGiB: totalGiB, dataGiB: undefined } : { osGiB, dataGiB: totalGiB - osGiB };
}
