/**
 * An edition that waits for signatures, as one file beside the targets that it names: `<out>/.waiting/<variant>/<arch>.json`. It holds what was
 * signed so far; what lies over the role that waits is made when that is signed, on top of what is published by then.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { ARCHES } from '../config/arch.ts';
import { formatMoment } from '../config/moment.ts';
import type { When } from '../config/moment.ts';
import { expirationPolicySchema } from '../config/repo-policy.ts';
import type { ExpirationPolicy } from '../config/repo-policy.ts';
import { BuildError } from '../errors.ts';
import { errorCode } from '../graph/disk.ts';
import { writeWhole } from './directory.ts';
import { ONLINE_ROLES } from './editor.ts';
import type { Halt, OnlineRole } from './editor.ts';
import type { GivenRoles } from './expirations.ts';
import type { HalfSigned } from './half-signed.ts';
import type { Fleet } from './manifest.ts';
import { parseEnvelope, snapshotSchema, targetsSchema, timestampSchema } from './metadata.ts';
import { printRole, SignedRole } from './role.ts';
import { authorityOf } from './trust.ts';
import type { Root } from './metadata.ts';

const WAITING_DIR = '.waiting';

export interface Waiting {
  readonly out: string;
  readonly fleet: Fleet;
  readonly role: OnlineRole;
  readonly half: HalfSigned;
  /** What is signed below it, as its files will be. Trusted only under the root that there is when it is gone on with. */
  readonly given: Readonly<Partial<Record<keyof GivenRoles, string>>>;
  /** SHA-256 of that role as it was published when this was begun; null where there was none. Another one since, and this is of no use. */
  readonly follows: string | null;
  readonly expiration: ExpirationPolicy;
}

const waitingSchema = z.strictObject({
  version: z.literal(1),
  variant: z.string(),
  arch: z.enum(ARCHES),
  role: z.enum(ONLINE_ROLES),
  half: z.string(),
  given: z.strictObject({ targets: z.string().optional(), snapshot: z.string().optional() }),
  follows: z.string().nullable(),
  expiration: expirationPolicySchema,
});

const SCHEMAS = { targets: targetsSchema, snapshot: snapshotSchema, timestamp: timestampSchema } as const;

export function waitingFile(out: string, { variant, arch }: Fleet): string {
  return join(out, WAITING_DIR, variant, `${arch}.json`);
}

/** What a halt leaves to be gone on with. */
export function waitingOf(
  { half, given: below }: Halt,
  {
    out,
    fleet,
    expiration,
    published,
  }: Pick<Waiting, 'out' | 'fleet' | 'expiration'> & { readonly published: Published },
): Waiting {
  const role = z.enum(ONLINE_ROLES).parse(half.role);
  const given = defined({ targets: textOf(below.targets), snapshot: textOf(below.snapshot) });
  return { out, fleet, expiration, role, half, given, follows: digestOf(published, role) };
}

function textOf(role: SignedRole | undefined): string | undefined {
  return role === undefined ? undefined : Buffer.from(role.bytes).toString();
}

/** Roles as they are published. */
export type Published = Readonly<Record<OnlineRole, SignedRole>> | undefined;

export function digestOf(published: Published, role: OnlineRole): string | null {
  return published?.[role].meta.hashes?.sha256 ?? null;
}

export async function writeWaiting({ out, fleet, half, expiration, role, given, follows }: Waiting): Promise<void> {
  const words = {
    version: 1,
    ...fleet,
    role,
    follows,
    expiration: Object.fromEntries(Object.entries(expiration).map(([name, when]) => [name, printWhen(when)])),
    given,
    half: Buffer.from(printRole(half.signed, half.signatures)).toString(),
  };
  await writeWhole(waitingFile(out, fleet), Buffer.from(`${JSON.stringify(words, undefined, 2)}\n`));
}

function printWhen(when: When): string {
  return when.type === 'at' ? formatMoment(when.date) : `${when.seconds} seconds`;
}

export async function removeWaiting(out: string, fleet: Fleet): Promise<void> {
  await rm(waitingFile(out, fleet), { force: true });
}

/** Every edition of an output that waits. @throws BuildError tuf/malformed */
export async function readWaiting(out: string): Promise<readonly Waiting[]> {
  const dir = join(out, WAITING_DIR);
  const names = await readdir(dir, { recursive: true }).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw new BuildError('tuf/refused', `Cannot read "${dir}"`, { cause: error });
  });
  const files = names.filter((name) => name.endsWith('.json')).toSorted();
  return await Promise.all(files.map((name) => parseWaiting(join(dir, name), out)));
}

async function parseWaiting(file: string, out: string): Promise<Waiting> {
  try {
    const words = waitingSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    const { variant, arch, role, given, follows, expiration } = words;
    const { signed, signatures } = parseEnvelope(Buffer.from(words.half), SCHEMAS[role], { file });
    const fleet = { variant, arch };
    return { out, fleet, role, follows, expiration, given: defined(given), half: { role, signed, signatures } };
  } catch (cause) {
    throw new BuildError('tuf/malformed', `Cannot read "${file}", an edition that waits for signatures`, {
      cause,
      hint: 'Take it away, and make the repository again',
    });
  }
}

function defined({
  targets,
  snapshot,
}: {
  targets?: string | undefined;
  snapshot?: string | undefined;
}): Waiting['given'] {
  return { ...(targets === undefined ? {} : { targets }), ...(snapshot === undefined ? {} : { snapshot }) };
}

/** The roles below the one that waits, under the root that there is now. @throws BuildError tuf/below-threshold */
export function givenUnder({ given, out, fleet }: Waiting, root: Root): GivenRoles {
  const file = waitingFile(out, fleet);
  const read = <S extends z.ZodType>(
    text: string,
    schema: S,
  ): { bytes: Uint8Array; envelope: ReturnType<typeof parseEnvelope<S>> } => {
    const bytes = Buffer.from(text);
    return { bytes, envelope: parseEnvelope(bytes, schema, { file }) };
  };
  const { targets, snapshot } = given;
  return {
    ...(targets === undefined
      ? {}
      : { targets: SignedRole.fromBytes('targets', read(targets, targetsSchema), [authorityOf(root, 'targets')]) }),
    ...(snapshot === undefined
      ? {}
      : {
          snapshot: SignedRole.fromBytes('snapshot', read(snapshot, snapshotSchema), [authorityOf(root, 'snapshot')]),
        }),
  };
}
