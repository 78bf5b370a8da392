import { expect, test } from 'vitest';

import {
  BOOT_SUFFIX,
  diskSuffix,
  fileName,
  KMOD_KIT_SUFFIX,
  linkNames,
  rootSuffix,
  variantDirectory,
  versionDirectory,
  type ImageName,
} from './names.ts';

const NAME: ImageName = {
  osName: 'slipway',
  variant: 'aws-k8s-1.21',
  arch: 'x86_64',
  version: '1.2.0',
  buildId: 'ccf1b754',
};

test('fileName() holds everything that tells two builds apart', () => {
  expect(fileName(NAME, diskSuffix('os', 'raw'))).toBe('slipway-aws-k8s-1.21-x86_64-1.2.0-ccf1b754.img.lz4');
  expect(fileName(NAME, diskSuffix('data', 'raw'))).toBe('slipway-aws-k8s-1.21-x86_64-1.2.0-ccf1b754-data.img.lz4');
  expect(fileName(NAME, diskSuffix('data', 'qcow2'))).toBe('slipway-aws-k8s-1.21-x86_64-1.2.0-ccf1b754-data.qcow2');
  expect(fileName(NAME, rootSuffix('erofs'))).toBe('slipway-aws-k8s-1.21-x86_64-1.2.0-ccf1b754-root.erofs.lz4');
});

test('linkNames() gives three names that outlive the build', () => {
  expect(linkNames(NAME, BOOT_SUFFIX)).toEqual([
    'slipway-aws-k8s-1.21-x86_64-boot.ext4.lz4',
    'slipway-aws-k8s-1.21-x86_64-1.2.0-boot.ext4.lz4',
    'slipway-aws-k8s-1.21-x86_64-v1.2.0-boot.ext4.lz4',
  ]);
});

test('linkNames() of a kit has the name that people look for, too', () => {
  expect(linkNames(NAME, KMOD_KIT_SUFFIX).at(-1)).toBe('aws-k8s-1.21-x86_64-kmod-kit-v1.2.0.tar.xz');
});

test('directories tell the variant, then the build', () => {
  expect(variantDirectory(NAME)).toBe('x86_64-aws-k8s-1.21');
  expect(versionDirectory(NAME)).toBe('1.2.0-ccf1b754');
});
