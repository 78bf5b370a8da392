import { z } from 'zod';

import { infraSchema } from './infra.ts';
import { packageSchema } from './package.ts';
import { releaseSchema } from './release.ts';
import { userSchema } from './user.ts';
import { variantSchema } from './variant.ts';

export const MANIFEST_KINDS = ['variant', 'package', 'release', 'user', 'infra'] as const;
export type ManifestKind = (typeof MANIFEST_KINDS)[number];

const SCHEMAS = {
  variant: { schema: variantSchema, title: 'variants/<name>/variant.yaml' },
  package: { schema: packageSchema, title: 'packages/<name>/package.yaml' },
  release: { schema: releaseSchema, title: 'Release.yaml' },
  infra: { schema: infraSchema, title: 'Infra.yaml' },
  user: { schema: userSchema, title: 'config.yaml of a user' },
} as const satisfies Record<ManifestKind, unknown>;

/** JSON Schema (draft 2020-12) of a manifest as it is written, for editors. */
export function jsonSchema(kind: ManifestKind): unknown {
  const { schema, title } = SCHEMAS[kind];
  return { title, ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) };
}
