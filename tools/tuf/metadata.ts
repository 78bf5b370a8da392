import { z } from 'zod';

import { BuildError } from '../errors.ts';
import { canonicalBytes, keyIdOf, keySchema } from './key.ts';

/** The four top-level roles, TUF 2.1. */
export const TOP_ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;
export type TopRole = (typeof TOP_ROLES)[number];

/** The one version of the format that tough edits. */
export const SPEC_VERSION = '1.0.0';

const positive = z.int().min(1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');
const hashes = z.looseObject({ sha256 });

/** What every role's `signed` has, TUF 4.3. Loose: what is signed may hold more than we know, and has to stay as it is. */
const common = {
  spec_version: z.string().regex(/^1\.\d+(\.\d+)?$/, 'expected 1.x'),
  version: positive,
  expires: z.iso.datetime({ offset: true }),
};

const roleKeys = z.looseObject({ keyids: z.array(z.string()), threshold: positive });

export const rootSchema = z.looseObject({
  _type: z.literal('root'),
  ...common,
  consistent_snapshot: z.boolean(),
  keys: z.record(z.string(), keySchema),
  roles: z.strictObject({ root: roleKeys, targets: roleKeys, snapshot: roleKeys, timestamp: roleKeys }),
});

const targetFile = z.looseObject({ length: z.int().min(0), hashes });

const delegatedRole = z.looseObject({ name: z.string().min(1), keyids: z.array(z.string()), threshold: positive });

export const targetsSchema = z.looseObject({
  _type: z.literal('targets'),
  ...common,
  targets: z.record(z.string(), targetFile),
  delegations: z.looseObject({ keys: z.record(z.string(), keySchema), roles: z.array(delegatedRole) }).optional(),
});

const metaFile = z.looseObject({ version: positive, length: z.int().min(1).optional(), hashes: hashes.optional() });

export const snapshotSchema = z.looseObject({
  _type: z.literal('snapshot'),
  ...common,
  meta: z.record(z.string(), metaFile),
});

export const timestampSchema = z.looseObject({
  _type: z.literal('timestamp'),
  ...common,
  meta: z.object({ 'snapshot.json': metaFile }),
});

export type Root = z.output<typeof rootSchema>;
export type Targets = z.output<typeof targetsSchema>;
export type Snapshot = z.output<typeof snapshotSchema>;
export type Timestamp = z.output<typeof timestampSchema>;
export type TargetFile = z.output<typeof targetFile>;
export type MetaFile = z.output<typeof metaFile>;
export type RoleKeys = z.output<typeof roleKeys>;
export type DelegatedRole = z.output<typeof delegatedRole>;
export type Signed = Root | Targets | Snapshot | Timestamp;

export interface Signature {
  readonly keyid: string;
  readonly sig: string;
}

/** A metadata file: what is signed, by whom. Nothing of it is trusted yet. */
export interface Envelope<S> {
  readonly signed: S;
  readonly signatures: readonly Signature[];
  /** Canonical JSON of `signed`, as it was written: what signatures are over. */
  readonly payload: Uint8Array;
}

const envelopeSchema = z.looseObject({
  signed: z.unknown(),
  signatures: z.array(z.looseObject({ keyid: z.string(), sig: z.string() })),
});

/** What a file is called in messages. */
export interface Named {
  readonly file: string;
}

/** @throws BuildError tuf/malformed */
export function parseEnvelope<S extends z.ZodType>(
  bytes: Uint8Array,
  schema: S,
  { file }: Named,
): Envelope<z.output<S>> {
  const { signed: written, signatures } = parse(parseJson(bytes, file), envelopeSchema, file);
  const signed = parse(written, schema, file);
  try {
    return { signed, signatures, payload: canonicalBytes(written) };
  } catch (cause) {
    throw malformed(file, 'expected whole numbers, texts, lists and mappings alone', cause);
  }
}

/** Also: each key is filed under the id that it has (TUF 4.2). @throws BuildError tuf/malformed */
export function parseRoot(bytes: Uint8Array, named: Named): Envelope<Root> {
  const root = parseEnvelope(bytes, rootSchema, named);
  for (const [id, key] of Object.entries(root.signed.keys)) {
    if (keyIdOf(key) !== id) throw malformed(named.file, `keys.${id}: expected the key's own id ${keyIdOf(key)}`);
  }
  return root;
}

function parseJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw malformed(file, 'expected JSON', cause);
  }
}

function parse<S extends z.ZodType>(value: unknown, schema: S, file: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const findings = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'document'}: ${message}`);
  throw malformed(file, findings.join('; '));
}

function malformed(file: string, finding: string, cause?: unknown): BuildError {
  return new BuildError('tuf/malformed', `Cannot read "${file}": ${finding}`, { cause });
}

/** `<version>.<role>.json`; of the timestamp there is only one. A delegated role's name is percent-encoded. */
export function fileNameOf(role: string, version: number): string {
  const encoded = encodeURIComponent(role).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return role === 'timestamp' ? 'timestamp.json' : `${version}.${encoded}.json`;
}
