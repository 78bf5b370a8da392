import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { vmwareSchema } from '../config/infra-vmware.ts';
import { readInfra } from '../config/read-infra.ts';
import { readVsphereCredentials } from '../config/vsphere-credentials.ts';
import { BuildError, BuildErrors } from '../errors.ts';
import { MACHINE_FIELDS } from './machines.ts';
import { resolvePlaces } from './places.ts';
import type { Place, PlacesOptions } from './places.ts';

const LOGIN = { GOVC_USERNAME: 'builder', GOVC_PASSWORD: 'hunter2' };

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-places-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

/** Places of an Infra file's text. */
function resolve(text: string, options: Partial<PlacesOptions> = {}, file = 'Infra.yaml'): readonly Place[] {
  writeFileSync(join(dir, file), text);
  const infra = readInfra(dir);
  return resolvePlaces({
    config: infra?.value.vmware ?? vmwareSchema.parse({}),
    locate: infra === undefined ? undefined : (path) => infra.locate(['vmware', ...path]),
    environment: LOGIN,
    credentials: undefined,
    chosen: undefined,
    library: undefined,
    needed: MACHINE_FIELDS,
    ...options,
  });
}

/** What is wrong, as `line:column code message (hint)`. */
function complaints(work: () => unknown): string[] {
  try {
    work();
    return [];
  } catch (error) {
    const errors = error instanceof BuildErrors ? error.errors : [error];
    return errors.map((each) =>
      each instanceof BuildError
        ? `${each.at?.line}:${each.at?.column} ${each.code} ${each.message} (${each.hint ?? ''})`
        : String(each),
    );
  }
}

const WHOLE = `vmware:
  datacenters: [north, south]
  common: { vsphere-url: vcenter.example, datastore: fast, network: VM Network, folder: nodes, resource-pool: pool }
  datacenter:
    north: { datacenter: N1 }
    south: { datacenter: S1, datastore: slow }
`;

test('a datacenter says what differs from what all have in common, and the environment wins over both', () => {
  const [north, south] = resolve(WHOLE);
  expect(north).toMatchObject({ url: 'https://vcenter.example/sdk', fields: { datacenter: 'N1', datastore: 'fast' } });
  expect(south).toMatchObject({ fields: { datacenter: 'S1', datastore: 'slow', folder: 'nodes' } });
  const told = resolve(WHOLE, { environment: { ...LOGIN, GOVC_DATASTORE: 'nfs' } });
  expect(told.map(({ fields }) => fields.datastore)).toEqual(['nfs', 'nfs']);
});

test('an Infra.toml as pubsys reads it says the same here', () => {
  const places = resolve(
    `[vmware]
datacenters = ["north_1"]
[vmware.common]
vsphere_url = "https://vcenter.example"
network = "VM Network"
folder = "nodes"
[vmware.datacenter.north_1]
datacenter = "N1"
datastore = "fast"
resource_pool = "pool"
`,
    {},
    'Infra.toml',
  );
  expect(places).toMatchObject([{ name: 'north_1', fields: { 'resource-pool': 'pool', datacenter: 'N1' } }]);
});

test('half of a datacenter is told in whole: every field that is missing, where it belongs', () => {
  const half = WHOLE.replace('folder: nodes, resource-pool: pool', 'folder: nodes').replace(', datastore: slow', '');
  expect(complaints(() => resolve(half.replace('datastore: fast, ', '')))).toEqual(
    [
      ['5:5', 'north', 'datastore', 'GOVC_DATASTORE'],
      ['5:5', 'north', 'resource-pool', 'GOVC_RESOURCE_POOL'],
      ['6:5', 'south', 'datastore', 'GOVC_DATASTORE'],
      ['6:5', 'south', 'resource-pool', 'GOVC_RESOURCE_POOL'],
    ].map(
      ([at, name, field, variable]) =>
        `${at} vmware/missing-field Cannot use datacenter "${name}": expected ${field}, got nothing ` +
        `(Write vmware.datacenter.${name}.${field} or vmware.common.${field} in Infra.yaml, or set ${variable})`,
    ),
  );
});

test('a datacenter that nothing is said of is named where it is listed', () => {
  expect(complaints(() => resolve(WHOLE.replace('[north, south]', '[north, sout]')))).toEqual([
    '2:24 vmware/unknown-datacenter Cannot find datacenter "sout": expected one of north, south (Did you mean "south"?)',
  ]);
  expect(complaints(() => resolve(WHOLE, { chosen: ['east'] }))[0]).toContain(
    'Cannot find datacenter "east": expected one of north, south',
  );
  expect(complaints(() => resolve('vmware: {}\n'))[0]).toContain('vmware/no-datacenter');
  expect(complaints(() => resolve(WHOLE.replace('folder: nodes', 'foldr: nodes')))[0]).toMatch(
    /^3:\d+ config\/unknown-key Cannot read "vmware.common.foldr"/,
  );
});

test('one place under two names is refused, as when GOVC_DATACENTER stands above a list', () => {
  const environment = { ...LOGIN, GOVC_DATACENTER: 'N1' };
  expect(complaints(() => resolve(WHOLE, { environment }))[0]).toContain(
    'Cannot upload to both "north" and "south": they are one place (Unset GOVC_DATACENTER, or name one of them by --datacenters)',
  );
  expect(resolve(WHOLE, { environment, chosen: ['south'] })).toHaveLength(1);
});

test('an environment for govc is enough', () => {
  const [only] = resolve('{}\n', {
    environment: {
      GOVC_URL: 'https://builder:hunter2@vcenter.example',
      GOVC_DATACENTER: 'N1',
      GOVC_DATASTORE: 'fast',
      GOVC_NETWORK: 'VM Network',
      GOVC_FOLDER: 'nodes',
      GOVC_RESOURCE_POOL: 'pool',
    },
  });
  expect(only).toMatchObject({ name: 'N1', url: 'https://vcenter.example/sdk' });
  expect(only?.credentials).toEqual({ username: 'builder', password: 'hunter2' });
});

test('passwords come from a file of their own, and no complaint about it repeats one', () => {
  const file = join(dir, 'vsphere-credentials.yaml');
  const missing = complaints(() => resolve(WHOLE, { environment: {} }));
  expect(missing).toHaveLength(2);
  expect(missing[0]).toContain('vmware/no-credentials Cannot log in to datacenter "north": expected a password');
  writeFileSync(file, 'datacenter: { north: { username: a, password: b }, south: { username: c, password: d } }\n', {
    mode: 0o600,
  });
  const credentials = readVsphereCredentials([file]);
  expect(credentials?.exposed).toBe(false);
  expect(resolve(WHOLE, { environment: {}, credentials }).map((place) => place.credentials.password)).toEqual([
    'b',
    'd',
  ]);
  for (const text of [
    'datacenter: { north: { username: a, password: 4711 } }\n',
    'datacenter: { north: hunter4711 }\n',
    'datacenter: { north: { username: a, password: "4711 } }\n',
    'datacenter: { north: { username: a, password: *x4711 } }\n',
  ]) {
    writeFileSync(file, text);
    const [complaint] = complaints(() => readVsphereCredentials([file]));
    expect(complaint).toMatch(/^\d+:\d+ config\//);
    expect(complaint).not.toContain('4711');
  }
});

test('an address that is none is not repeated', () => {
  const [complaint] = complaints(() =>
    resolve(WHOLE, { environment: { ...LOGIN, GOVC_URL: 'ftp://me:hunter2@host' } }),
  );
  expect(complaint).toContain('vmware/bad-url');
  expect(complaint).not.toContain('hunter2');
});
