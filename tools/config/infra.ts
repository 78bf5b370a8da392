import { z } from 'zod';

import { awsSchema } from './infra-aws.ts';
import { repoSchema } from './infra-repo.ts';
import { vmwareSchema } from './infra-vmware.ts';

/** A section whose own schema stands in a file of its own (infra-<section>.ts). */
const elsewhere = z.record(z.string(), z.unknown()).optional();

/** Infra.yaml, the user's own: where this checkout publishes to, and with which keys. */
export const infraSchema = z.strictObject({
  repo: z.record(z.string(), repoSchema).default({}).describe('Repositories of updates, by name'),
  aws: awsSchema.optional(),
  vmware: vmwareSchema.optional(),
  vendor: elsewhere,
});

export type Infra = z.output<typeof infraSchema>;
