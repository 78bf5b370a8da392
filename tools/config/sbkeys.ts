import { z } from 'zod';

import { kmsKey, pkcs11Key } from './infra-repo.ts';

const key = z.union([z.strictObject({ kms: kmsKey }), z.strictObject({ pkcs11: pkcs11Key })]);

/** sbkeys/<profile>/keys.yaml: where the private keys of a profile are that holds none. */
export const signingKeysSchema = z.strictObject({
  'shim-sign': key.describe('Signs shim; its certificate is by db'),
  'code-sign': key.describe('Signs GRUB, the kernel and modules; its certificate is by vendor'),
  'config-sign': key.describe('Signs grub.cfg'),
});

export type SigningKeys = z.output<typeof signingKeysSchema>;
