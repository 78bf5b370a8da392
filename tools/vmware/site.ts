/** The objects of a vCenter's inventory that Infra.yaml names: found, and each by its whole path from there on. */
import { posix } from 'node:path';

import { z } from 'zod';

import type { PlaceConfig } from '../config/infra-vmware.ts';
import { suggest } from '../config/suggest.ts';
import { BuildError, throwAll } from '../errors.ts';
import type { Govc } from './govc.ts';
import type { Field } from './places.ts';

export interface Site {
  readonly govc: Govc;
  readonly name: string;
  /** Inventory paths of what the verb needs; a library by its name. */
  readonly paths: Readonly<PlaceConfig>;
}

interface Kind {
  readonly field: Field;
  /** Types of managed objects, as `govc find` abbreviates them. */
  readonly types: readonly string[];
  /** The folder below the datacenter that has them. */
  readonly below: string;
}

const KINDS: readonly Kind[] = [
  { field: 'datastore', types: ['s'], below: 'datastore' },
  // Plain networks, port groups of distributed switches, and those of other makers.
  { field: 'network', types: ['n', 'g', 'o'], below: 'network' },
  { field: 'folder', types: ['f'], below: 'vm' },
  { field: 'resource-pool', types: ['p'], below: 'host' },
];

const paths = z.array(z.string()).nullable();

/**
 * Logs in, and looks for everything of `needed`.
 * @throws BuildErrors vmware/govc, vmware/not-found, vmware/ambiguous
 */
export async function findSite(govc: Govc, needed: readonly Field[]): Promise<Site> {
  const { name, fields } = govc.place;
  await govc.run(['about']);
  if (!needed.includes('datacenter')) return { govc, name, paths: {} };
  const datacenter = await findOne(govc, { field: 'datacenter', types: ['d'], below: '' }, '/');
  const kinds = KINDS.filter(({ field }) => needed.includes(field));
  const found = await Promise.allSettled(
    kinds.map(async (kind) => [kind.field, await findOne(govc, kind, datacenter)] as const),
  );
  const failures = found.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  const bug = failures.find((failure) => !(failure instanceof BuildError));
  if (bug !== undefined) throw bug instanceof Error ? bug : new TypeError('expected an error', { cause: bug });
  throwAll(failures.filter((failure) => failure instanceof BuildError));
  const known = found.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  return { govc, name, paths: { ...fields, datacenter, ...Object.fromEntries(known) } };
}

async function findOne(govc: Govc, kind: Kind, root: string): Promise<string> {
  const { field, below } = kind;
  const wanted = govc.place.fields[field] ?? '';
  const matches = (await list(govc, kind, { root, name: posix.basename(wanted) })).filter(
    (path) => path === wanted || (!wanted.startsWith('/') && path.endsWith(`/${wanted}`)),
  );
  // A name alone is first of all what stands right below the root of its kind.
  const exact = matches.find((path) => path === posix.join(root, below, wanted)) ?? matches[0];
  if (exact === undefined) throw notFound(govc, kind, await list(govc, kind, { root }));
  if (matches.length > 1 && exact !== posix.join(root, below, wanted)) throw ambiguous(govc, kind, matches);
  return exact;
}

/** `name` is escaped: to govc it is a pattern. */
async function list(
  govc: Govc,
  { types }: Kind,
  { root, name }: { readonly root: string; readonly name?: string },
): Promise<readonly string[]> {
  const wanted = name === undefined ? [] : ['-name', name.replaceAll(/[\\*?[]/g, String.raw`\$&`)];
  return (await govc.ask(paths, 'find', ...types.flatMap((type) => ['-type', type]), ...wanted, root)) ?? [];
}

/** Enough to see one's mistake by. */
const SHOWN = 12;

function notFound({ place }: Govc, { field }: Kind, there: readonly string[]): BuildError {
  const wanted = place.fields[field] ?? '';
  const finding = there.length === 0 ? 'there is none' : `there are ${there.slice(0, SHOWN).join(', ')}`;
  const message = `Cannot find ${field} "${wanted}" in "${place.name}" (${place.url}): ${finding}`;
  const names = there.map((path) => posix.basename(path));
  return new BuildError('vmware/not-found', message, { hint: suggest(posix.basename(wanted), names) });
}

function ambiguous({ place }: Govc, { field }: Kind, matches: readonly string[]): BuildError {
  const message = `Cannot tell which ${field} of "${place.name}" is meant: "${place.fields[field]}" is ${matches.join(' and ')}`;
  return new BuildError('vmware/ambiguous', message, { hint: 'Write its whole path' });
}
