/** Items of content libraries made of an OVA: how things stand, and from there to how they should. */
import { z } from 'zod';

import { BuildError } from '../errors.ts';
import type { Json } from '../graph/task.ts';
import { copyOf, describeCopy } from './ova-file.ts';
import type { OvaFile } from './ova-file.ts';
import type { Field } from './places.ts';
import { asideName, assertNameFree, isAside } from './replacing.ts';
import type { Replacing } from './replacing.ts';
import type { Site } from './site.ts';
import { chain } from './steps.ts';
import type { Draft, SiteStep } from './steps.ts';
import { transferProgress } from './transfer.ts';

export interface ItemOrder extends Replacing {
  readonly ova: OvaFile;
  /** What the OVA is, for people. */
  readonly title: string;
  /** Whether a library that is not there may be made. */
  readonly createLibrary: boolean;
}

/** A library is not in a datacenter; the datastore of a new one is. */
export function libraryFields(createLibrary: boolean): readonly Field[] {
  return createLibrary ? ['vsphere-url', 'library', 'datacenter', 'datastore'] : ['vsphere-url', 'library'];
}

const librarySchema = z.object({ name: z.string(), type: z.string() });
const itemSchema = z.object({ name: z.string(), description: z.string().optional() });
const fileSchema = z.object({ name: z.string(), cached: z.boolean().default(false) });

/** Nothing, where it is there already. @throws BuildError vmware/no-library, vmware/name-taken, vmware/govc */
export async function planItem(site: Site, order: ItemOrder): Promise<readonly SiteStep[]> {
  const library = libraryOf(site);
  const known = await list(site, librarySchema);
  const found = known.find(({ name }) => name === library);
  if (found === undefined) {
    if (!order.createLibrary) throw noLibrary(site, known);
    return chain(site, [creation(site), importing(site, order), renaming(site, order)]);
  }
  if (found.type !== 'LOCAL') throw subscribed(site);
  const items = await list(site, itemSchema, `/${library}/*`);
  const leftovers = items.filter(({ name }) => isAside(name, order.name));
  const start = [...leftovers.map(({ name }) => removal(site, 'remove-leftover', name)), importing(site, order)];
  const item = items.find(({ name }) => name === order.name);
  if (item === undefined) return chain(site, [...start, renaming(site, order)]);
  if (copyOf(item.description) === order.ova.sha256) return [];
  assertNameFree(order, { site: site.name, what: `an item of library "${library}", of another origin,` });
  return chain(site, [...start, removal(site, 'remove-old', order.name), renaming(site, order)]);
}

function creation(site: Site): Draft {
  const { govc, paths } = site;
  const { datacenter = '', datastore = '' } = paths;
  const library = libraryOf(site);
  const perform = async (): Promise<Json> => {
    await govc.run(['library.create', '-dc', datacenter, '-ds', datastore, library]);
    return null;
  };
  const after = { library, datastore };
  return { action: 'create-library', before: null, after, calls: ['local-library.create'], perform };
}

function removal(site: Site, action: 'remove-leftover' | 'remove-old', name: string): Draft {
  const before = `/${libraryOf(site)}/${name}`;
  const perform = async (): Promise<Json> => {
    await site.govc.run(['library.rm', before]);
    return null;
  };
  return { action, before, after: null, calls: ['library.item.delete'], perform };
}

function importing(site: Site, order: ItemOrder): Draft {
  const { ova } = order;
  const library = libraryOf(site);
  const item = `/${library}/${asideOf(order)}`;
  return {
    action: 'upload',
    before: null,
    after: { item, ova: ova.sha256 },
    calls: ['library.item.create', 'library.item.updatesession.complete'],
    perform: async (voice) => {
      // The manifest's sums go with the files, and the library holds them against what arrives.
      const argv = ['library.import', '-m', '-n', asideOf(order), `/${library}`, ova.path];
      await site.govc.run(argv, transferProgress(ova.members, voice));
      return await readBack(site, ova, item);
    },
  };
}

function renaming(site: Site, order: ItemOrder): Draft {
  const { govc } = site;
  const [before, after] = [asideOf(order), order.name].map((name) => `/${libraryOf(site)}/${name}`);
  const perform = async (): Promise<Json> => {
    await govc.run(['library.update', '-n', order.name, '-d', describeCopy(order.ova, order.title), before ?? '']);
    return await readBack(site, order.ova, after ?? '');
  };
  return { action: 'rename', before: before ?? '', after: after ?? '', calls: ['library.item.update'], perform };
}

/**
 * The descriptor and all it refers to are there. What is in them was held against the manifest when it arrived, and their sizes say
 * nothing: a library may keep disks in another form.
 * @throws BuildError vmware/wrong-copy
 */
async function readBack(site: Site, { members }: OvaFile, path: string): Promise<Json> {
  const files = (await list(site, fileSchema, `${path}/*`)).filter(({ cached }) => cached).map(({ name }) => name);
  const missing = members.filter(({ name }) => /\.(ovf|vmdk)$/.test(name) && !files.includes(name));
  if (missing.length === 0) return { item: path, files };
  const names = missing.map(({ name }) => name).join(', ');
  throw new BuildError('vmware/wrong-copy', `Cannot trust "${path}" in "${site.name}": expected ${names} in it`, {
    hint: 'Run this again: it is uploaded anew',
  });
}

/** Libraries, the items of one, the files of one. */
async function list<S extends z.ZodType>(site: Site, schema: S, path?: string): Promise<readonly z.output<S>[]> {
  return (await site.govc.ask(z.array(schema).nullable(), 'library.info', ...(path === undefined ? [] : [path]))) ?? [];
}

function asideOf({ name, ova }: ItemOrder): string {
  return asideName(name, ova.sha256);
}

function libraryOf({ govc }: Site): string {
  return govc.place.fields.library ?? '';
}

function noLibrary(site: Site, known: readonly { readonly name: string }[]): BuildError {
  const finding = known.length === 0 ? 'there is none' : `there are ${known.map(({ name }) => name).join(', ')}`;
  const message = `Cannot find content library "${libraryOf(site)}" in "${site.name}": ${finding}`;
  return new BuildError('vmware/no-library', message, {
    hint: 'Make it with --create-library, or name another by --library',
  });
}

function subscribed(site: Site): BuildError {
  const message = `Cannot upload to content library "${libraryOf(site)}" in "${site.name}": it is a copy of another library`;
  return new BuildError('vmware/no-library', message, { hint: 'Upload to the one that it subscribes to' });
}
