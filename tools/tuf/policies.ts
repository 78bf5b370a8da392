import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { expirationPolicySchema, readPolicy, wavePolicySchema } from '../config/repo-policy.ts';
import type { ExpirationPolicy, WavePolicy } from '../config/repo-policy.ts';
import { suggest } from '../config/suggest.ts';
import { BuildError } from '../errors.ts';

const SHIPPED = join(import.meta.dirname, 'policies');

/** A shipped policy by its name, or a file. @throws BuildErrors */
export function readWavePolicy(nameOrFile: string): WavePolicy {
  return readPolicy(fileOf('waves', nameOrFile), wavePolicySchema);
}

export function readExpirationPolicy(nameOrFile: string): ExpirationPolicy {
  return readPolicy(fileOf('expiration', nameOrFile), expirationPolicySchema);
}

export function shippedPolicies(kind: 'waves' | 'expiration'): readonly string[] {
  return readdirSync(join(SHIPPED, kind))
    .map((file) => file.replace(/\.yaml$/, ''))
    .toSorted();
}

function fileOf(kind: 'waves' | 'expiration', nameOrFile: string): string {
  const shipped = join(SHIPPED, kind, `${nameOrFile}.yaml`);
  if (/^[\w-]+$/.test(nameOrFile) && existsSync(shipped)) return shipped;
  if (existsSync(nameOrFile)) return nameOrFile;
  const known = shippedPolicies(kind);
  throw new BuildError(
    'tuf/no-such-policy',
    `Cannot find policy "${nameOrFile}": expected a file, or one of ${known.join(', ')}`,
    {
      hint: suggest(nameOrFile, known),
    },
  );
}
