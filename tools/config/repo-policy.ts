import { z } from 'zod';

import type { BuildError } from '../errors.ts';
import { throwAll } from '../errors.ts';
import { checkManifest } from './manifest.ts';
import { whenSchema } from './moment.ts';
import { withDashes } from './dashes.ts';
import { readToml } from './toml.ts';
import { readYaml } from './yaml.ts';

const wave = z.strictObject({
  'start-after': whenSchema().describe('When the wave starts: after the start of the release, or a moment'),
  'fleet-percentage': z.int().min(1).max(100).describe('Share of the fleet that this wave ends with'),
});

/** How an update reaches the fleet, step by step. */
export const wavePolicySchema = z.strictObject({ waves: z.array(wave).min(1) }).superRefine(({ waves }, context) => {
  for (const [index, { 'fleet-percentage': share }] of waves.entries()) {
    const before = waves[index - 1]?.['fleet-percentage'] ?? 0;
    const path = ['waves', index, 'fleet-percentage'];
    if (share <= before)
      context.addIssue({
        code: 'custom',
        path,
        message: `expected more than the ${before} of the wave before, got ${share}`,
      });
    else if (index === waves.length - 1 && share !== 100)
      context.addIssue({
        code: 'custom',
        path,
        message: `expected 100, for the last wave frees every host that is left, got ${share}`,
      });
  }
});

/** How long metadata is good for, from the moment it is signed. The root role's own life is no policy: it is signed by hand. */
export const expirationPolicySchema = z.strictObject({
  'targets-expiration': whenSchema(),
  'snapshot-expiration': whenSchema(),
  'timestamp-expiration': whenSchema(),
});

export type WavePolicy = z.output<typeof wavePolicySchema>;
export type ExpirationPolicy = z.output<typeof expirationPolicySchema>;

/**
 * A policy in YAML, or in pubsys's TOML.
 * @throws BuildErrors all complaints
 */
export function readPolicy<S extends z.ZodType>(file: string, schema: S): z.output<S> {
  const errors: BuildError[] = [];
  const written = file.endsWith('.toml') ? readToml(file, errors) : readYaml(file, errors);
  const policy = written === undefined ? undefined : checkManifest(withDashes(written), schema, errors);
  throwAll(errors);
  if (policy === undefined) throw new TypeError('a manifest without complaints has a value');
  return policy.value;
}
