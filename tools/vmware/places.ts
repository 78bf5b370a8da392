/** Which vCenters an OVA goes to, and where in each: Infra.yaml with GOVC_* over it, all of it known before anything is asked. */
import type { PlaceConfig, VmwareConfig } from '../config/infra-vmware.ts';
import type { Path } from '../config/manifest.ts';
import { suggest } from '../config/suggest.ts';
import type { CredentialsFile, VsphereCredentials } from '../config/vsphere-credentials.ts';
import { BuildError, throwAll } from '../errors.ts';
import type { Location } from '../errors.ts';

export type Field = keyof PlaceConfig;

/** One datacenter of the list. Which fields it surely has is the verb's to say. */
export interface Place {
  /** As Infra.yaml calls it. */
  readonly name: string;
  /** Without credentials. */
  readonly url: string;
  readonly credentials: VsphereCredentials;
  readonly fields: Readonly<PlaceConfig>;
}

export interface PlacesOptions {
  readonly config: VmwareConfig;
  /** Of the `vmware` section; absent where there is no Infra.yaml. */
  readonly locate: ((path: Path) => Location) | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly credentials: CredentialsFile | undefined;
  /** Names on the command line: those, and no others. */
  readonly chosen: readonly string[] | undefined;
  readonly library: string | undefined;
  /** What the verb cannot do without. */
  readonly needed: readonly Field[];
}

/** What govc calls our fields; a library it takes as an argument only. */
const VARIABLES: ReadonlyMap<Field, string> = new Map([
  ['vsphere-url', 'GOVC_URL'],
  ['datacenter', 'GOVC_DATACENTER'],
  ['datastore', 'GOVC_DATASTORE'],
  ['network', 'GOVC_NETWORK'],
  ['folder', 'GOVC_FOLDER'],
  ['resource-pool', 'GOVC_RESOURCE_POOL'],
]);

/** @throws BuildErrors vmware/no-datacenter, vmware/unknown-datacenter, vmware/missing-field, vmware/no-credentials, vmware/same-place */
export function resolvePlaces(options: PlacesOptions): readonly Place[] {
  const errors: BuildError[] = [];
  const names = chooseNames(options, errors);
  throwAll(errors);
  const places = names.map((name) => resolvePlace(name, options, errors));
  throwAll(errors);
  throwAll(samePlaces(places, options));
  return places;
}

function chooseNames(options: PlacesOptions, errors: BuildError[]): readonly string[] {
  const { config, environment, chosen, locate } = options;
  const known = Object.keys(config.datacenter);
  const names = [...new Set(chosen ?? config.datacenters)];
  const alone = environment['GOVC_DATACENTER'] ?? '';
  // With nothing but an environment for govc, that is the one.
  if (names.length === 0 && known.length === 0 && alone !== '') return [alone];
  if (names.length === 0) {
    const hint = 'Write vmware.datacenters in Infra.yaml, give --datacenters, or set GOVC_DATACENTER';
    const message = 'Cannot tell where to upload: expected at least one datacenter';
    errors.push(new BuildError('vmware/no-datacenter', message, { at: locate?.(['datacenters']), hint }));
  }
  // Where no datacenter has a block of its own, all is in `common` or in the environment.
  const expected = known.length === 0 ? config.datacenters : known;
  const unknown = names.filter((name) => expected.length > 0 && !expected.includes(name));
  errors.push(...unknown.map((name) => unknownDatacenter(name, expected, options)));
  return names;
}

function unknownDatacenter(
  name: string,
  expected: readonly string[],
  { config, chosen, locate }: PlacesOptions,
): BuildError {
  const path = chosen === undefined ? ['datacenters', config.datacenters.indexOf(name)] : ['datacenter'];
  const message = `Cannot find datacenter "${name}": expected one of ${expected.join(', ')}`;
  return new BuildError('vmware/unknown-datacenter', message, {
    at: locate?.(path),
    hint: suggest(name, expected) ?? `Write vmware.datacenter.${name} in Infra.yaml`,
  });
}

function resolvePlace(name: string, options: PlacesOptions, errors: BuildError[]): Place {
  const { config, environment, needed, locate } = options;
  const own = config.datacenter[name];
  const fields: PlaceConfig = { ...config.common, ...own };
  for (const [field, variable] of VARIABLES) {
    const value = environment[variable] ?? '';
    if (value !== '') fields[field] = value;
  }
  if (options.library !== undefined) fields.library = options.library;
  const at = locate?.(own === undefined ? ['datacenters'] : ['datacenter', name]);
  for (const field of needed.filter((each) => fields[each] === undefined)) {
    const message = `Cannot use datacenter "${name}": expected ${field}, got nothing`;
    errors.push(new BuildError('vmware/missing-field', message, { at, hint: wayOut(name, field) }));
  }
  const { url, user } = splitUrl(name, fields['vsphere-url'] ?? '', errors);
  const credentials = findCredentials(name, user, options);
  if (credentials === undefined) errors.push(noCredentials(name, options));
  return { name, url, fields, credentials: credentials ?? { username: '', password: '' } };
}

function wayOut(name: string, field: Field): string {
  const variable = VARIABLES.get(field);
  const places = `Write vmware.datacenter.${name}.${field} or vmware.common.${field} in Infra.yaml`;
  return `${places}, or ${variable === undefined ? `give --${field}` : `set ${variable}`}`;
}

/** govc takes `host`, `user:password@host` and whole addresses. */
function splitUrl(
  name: string,
  text: string,
  errors: BuildError[],
): { url: string; user: Partial<VsphereCredentials> } {
  if (text === '') return { url: '', user: {} };
  const whole = text.includes('://') ? text : `https://${text}`;
  if (!URL.canParse(whole) || !/^https?:$/.test(new URL(whole).protocol)) {
    // It is not repeated: a password may be in it.
    const message = `Cannot use datacenter "${name}": expected vsphere-url to be a host or an https address`;
    errors.push(new BuildError('vmware/bad-url', message));
    return { url: '', user: {} };
  }
  const url = new URL(whole);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (url.pathname === '/') url.pathname = '/sdk';
  return {
    url: url.href,
    user: {
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
    },
  };
}

function findCredentials(
  name: string,
  user: Partial<VsphereCredentials>,
  { environment, credentials }: PlacesOptions,
): VsphereCredentials | undefined {
  const username = environment['GOVC_USERNAME'] ?? user.username ?? '';
  const password = environment['GOVC_PASSWORD'] ?? user.password ?? '';
  if (username !== '' && password !== '') return { username, password };
  return credentials?.datacenters[name];
}

function noCredentials(name: string, { credentials }: PlacesOptions): BuildError {
  const finding = credentials === undefined ? '' : `; "${credentials.file}" does not name it`;
  return new BuildError(
    'vmware/no-credentials',
    `Cannot log in to datacenter "${name}": expected a password${finding}`,
    {
      hint: `Set GOVC_USERNAME and GOVC_PASSWORD, or write datacenter.${name} in ~/.config/slipway/vsphere-credentials.yaml`,
    },
  );
}

/** Two names of one place would be served twice, as when GOVC_DATACENTER stands above a list of several. */
function samePlaces(places: readonly Place[], { environment }: PlacesOptions): readonly BuildError[] {
  const first = new Map<string, string>();
  return places.flatMap(({ name, url, fields }) => {
    const where = JSON.stringify([url, fields.datacenter, fields.folder, fields.library]);
    const other = first.get(where);
    if (other === undefined) {
      first.set(where, name);
      return [];
    }
    const set = [...VARIABLES.values()].filter((variable) => (environment[variable] ?? '') !== '');
    const hint =
      set.length === 0 ? 'Name one of them' : `Unset ${set.join(', ')}, or name one of them by --datacenters`;
    const message = `Cannot upload to both "${other}" and "${name}": they are one place`;
    return [new BuildError('vmware/same-place', message, { hint })];
  });
}
