import { describe, expect, test } from 'vitest';

import type { ImageManifest } from '../config/variant.ts';
import { type Disk, type Layout, planLayout } from './layout.ts';

interface Case {
  readonly plan: 'split' | 'unified';
  readonly osGiB: number;
  readonly dataGiB?: number;
  readonly publishGiB?: number;
  readonly inPlace?: boolean;
}

const PLANS = ['split', 'unified'] as const;

function layoutOf({ plan, osGiB, dataGiB = 1, publishGiB = 22, inPlace = true }: Case): Layout {
  const image: ImageManifest = {
    format: 'raw',
    layout: { plan, os: osGiB * 1024, data: dataGiB * 1024, publish: publishGiB * 1024 },
    features: { 'in-place-updates': inPlace, 'erofs-root': true, 'uefi-secure-boot': false },
  };
  return planLayout({ image, osName: 'slipway' });
}

/** Every plan, size and number of banks. */
function cases(sizesGiB: readonly number[]): Case[] {
  return PLANS.flatMap((plan) =>
    sizesGiB.flatMap((osGiB) => [true, false].map((inPlace) => ({ plan, osGiB, inPlace }))),
  );
}

function table({ key, sizeMiB, partitions }: Disk): string {
  const rows = partitions.map((p) =>
    [
      String(p.number).padStart(2),
      p.key.padEnd(10),
      (p.label === '' ? '(no label)' : p.label).padEnd(18),
      `${p.startMiB}+${p.sizeMiB}`.padEnd(10),
      p.type,
      (p.guid ?? 'from content').padEnd(36),
      (p.attributeBits.length === 0 ? '-' : p.attributeBits.join(',')).padEnd(5),
      p.content ?? 'blank',
    ].join('  '),
  );
  return [`disk ${key}: ${sizeMiB} MiB`, ...rows, ''].join('\n');
}

function placesOf(options: Case): string[] {
  return layoutOf(options).disks.flatMap(({ partitions }) =>
    partitions.map((p) => `${p.key} ${p.startMiB}+${p.sizeMiB}`),
  );
}

describe('planLayout()', () => {
  for (const options of cases([1, 2, 4, 8])) {
    const name = `${options.plan}-${options.osGiB}GiB-${options.inPlace === true ? 'two-banks' : 'one-bank'}`;
    test(`gives the table of ${name}`, async () => {
      const { disks, volumes } = layoutOf(options);
      const data = volumes.dataGiB === undefined ? 'none' : `${volumes.dataGiB} GiB`;
      const text = `${disks.map(table).join('\n')}\nvolumes: os ${volumes.osGiB} GiB, data ${data}\n`;
      await expect(text).toMatchFileSnapshot(`../../test/golden/layouts/${name}.txt`);
    });
  }

  test('puts two banks of a 2 GiB disk where updates of every release expect them', () => {
    expect(placesOf({ plan: 'split', osGiB: 2 })).toEqual([
      'BIOS-BOOT 1+4',
      'EFI-SYSTEM 5+5',
      'BOOT-A 10+40',
      'ROOT-A 50+920',
      'HASH-A 970+10',
      'RESERVED-A 980+25',
      'EFI-BACKUP 1005+5',
      'BOOT-B 1010+40',
      'ROOT-B 1050+920',
      'HASH-B 1970+10',
      'RESERVED-B 1980+25',
      'PRIVATE 2005+41',
      'DATA-A 2046+1',
      'DATA-B 1+1022',
    ]);
  });

  test('gives an only bank the room of two', () => {
    expect(placesOf({ plan: 'unified', osGiB: 2, inPlace: false })).toEqual([
      'BIOS-BOOT 1+4',
      'EFI-SYSTEM 5+10',
      'BOOT-A 15+80',
      'ROOT-A 95+1840',
      'HASH-A 1935+20',
      'RESERVED-A 1955+50',
      'PRIVATE 2005+41',
      'DATA-A 2046+1024',
    ]);
  });

  test.each(cases([1, 2, 3, 4, 16, 100]))('leaves no gap and room for both tables: %o', (options) => {
    for (const { sizeMiB, partitions } of layoutOf({ ...options, dataGiB: 3 }).disks) {
      const ends = partitions.map((p) => p.startMiB + p.sizeMiB);
      expect(partitions.map((p) => p.startMiB)).toEqual([1, ...ends.slice(0, -1)]);
      expect(Math.min(...partitions.map((p) => p.sizeMiB))).toBeGreaterThan(0);
      expect(sizeMiB - (ends.at(-1) ?? 0)).toBeOneOf([1, 2]);
    }
  });

  test('asks for volumes no smaller than the disks', () => {
    expect(layoutOf({ plan: 'split', osGiB: 2 }).volumes).toEqual({ osGiB: 2, dataGiB: 20 });
    expect(layoutOf({ plan: 'split', osGiB: 4 }).volumes).toEqual({ osGiB: 4, dataGiB: 18 });
    expect(layoutOf({ plan: 'unified', osGiB: 2 }).volumes).toEqual({ osGiB: 22, dataGiB: undefined });
    expect(layoutOf({ plan: 'split', osGiB: 2, dataGiB: 30 }).volumes).toEqual({ osGiB: 2, dataGiB: 30 });
    expect(layoutOf({ plan: 'unified', osGiB: 8, dataGiB: 20 }).volumes).toEqual({ osGiB: 28, dataGiB: undefined });
  });

  test('refuses a disk no file system can hold', () => {
    expect(() => layoutOf({ plan: 'unified', osGiB: 2, dataGiB: 16 * 1024 })).toThrow(
      'Cannot lay out disk "os": expected at most 16 TiB, got 16386 GiB',
    );
  });
});
