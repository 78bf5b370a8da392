import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { ARCHES } from '../config/arch.ts';
import { vmwareSchema } from '../config/infra-vmware.ts';
import { readProject } from '../config/project.ts';
import { readInfra } from '../config/read-infra.ts';
import type { ReadInfra } from '../config/read-infra.ts';
import { readVsphereCredentials } from '../config/vsphere-credentials.ts';
import { BuildError, BuildErrors, throwAll } from '../errors.ts';
import { fileName } from '../image/names.ts';
import { prepareGovc } from '../recipe/govc.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { findBuiltImage } from '../recipe/publish-image.ts';
import { findOva } from '../recipe/publish-ova.ts';
import { CONNECTION_VARIABLES, Govc } from '../vmware/govc.ts';
import type { OvaFile } from '../vmware/ova-file.ts';
import { resolvePlaces } from '../vmware/places.ts';
import type { Field, Place } from '../vmware/places.ts';
import { assertName } from '../vmware/replacing.ts';
import { findSite } from '../vmware/site.ts';
import type { Site } from '../vmware/site.ts';
import type { TargetFlags } from './flags.ts';
import { lockPublication } from './lock-publication.ts';
import { openBench } from './open-bench.ts';
import type { Session } from './session.ts';

/** Which OVA, and to which vCenters it goes. */
export interface VsphereFlags extends TargetFlags {
  readonly image?: string;
  readonly infra?: string;
  readonly datacenters?: readonly string[];
  readonly library?: string;
  readonly name?: string;
  readonly replace?: boolean;
  readonly plan?: boolean;
}

export interface OpenVsphere extends AsyncDisposable {
  /** Each logged in to, with all that the verb needs found. */
  readonly sites: readonly Site[];
  readonly ova: OvaFile;
  /** What the copy is called, and what it is for people. */
  readonly name: string;
  readonly title: string;
  readonly stateDir: string;
  /** Of this run. */
  readonly dir: string;
}

/** Everything is known to be there and right before anything is changed. @throws BuildErrors */
export async function openVsphere(
  session: Session,
  flags: VsphereFlags,
  needed: readonly Field[],
): Promise<OpenVsphere> {
  const project = readProject(session.globals.directory);
  const variant = wantedVariant(project, flags.variant);
  const arch = flags.arch ?? variant.arches[0] ?? ARCHES[0];
  const infra = readInfra(project.dir, flags.infra);
  const places = findPlaces(session, flags, { infra, needed });
  const image = findBuiltImage({ project, variant, arch, build: flags.image });
  const name = flags.name ?? fileName(image.name, '').replace(`-${image.name.version}-`, `-v${image.name.version}-`);
  assertName(name);
  const lock = await lockPublication(session, { dir: project.dir, variant: variant.name, arch });
  const dir = mkdtempSync(join(tmpdir(), 'slipway-vsphere-'));
  const close = async (): Promise<void> => {
    await rm(dir, { recursive: true, force: true });
    await lock[Symbol.asyncDispose]();
  };
  try {
    const ova = await findOva(image, { project, variant });
    const sites = await findSites(session, places, { needed, infra, dir });
    const title = `${project.release['pretty-name']} ${image.name.version} (${variant.name}, ${arch})`;
    const stateDir = join(project.dir, 'build', 'publish');
    return { sites, ova, name, title, stateDir, dir, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function findPlaces(
  { host, sink }: Session,
  { datacenters, library }: VsphereFlags,
  { infra, needed }: { infra: ReadInfra | undefined; needed: readonly Field[] },
): readonly Place[] {
  const own = dirname(host.configFile);
  const pubsys = join(host.home, '.config', 'pubsys');
  const files = [
    join(own, 'vsphere-credentials.yaml'),
    ...[own, pubsys].map((dir) => join(dir, 'vsphere-credentials.toml')),
  ];
  const credentials = readVsphereCredentials(files);
  if (credentials?.exposed === true) {
    const message = `Others than you can read the passwords in ${credentials.file}`;
    sink({ type: 'warning', message, hint: `chmod 600 ${credentials.file}` });
  }
  return resolvePlaces({
    config: infra?.value.vmware ?? vmwareSchema.parse({}),
    locate: infra === undefined ? undefined : (path) => infra.locate(['vmware', ...path]),
    environment: host.environment,
    credentials,
    chosen: datacenters,
    library,
    needed,
  });
}

/** All vCenters are asked, and what is wrong with any is told together. */
async function findSites(
  session: Session,
  places: readonly Place[],
  { needed, infra, dir }: { needed: readonly Field[]; infra: ReadInfra | undefined; dir: string },
): Promise<readonly Site[]> {
  const program = await govcProgram(session);
  const environment = { HOME: dir, ...connection(session, infra) };
  const { signal } = session;
  return await inEach(places, (place) => findSite(new Govc({ program, place, environment, signal }), needed));
}

async function govcProgram(session: Session): Promise<string> {
  await using bench = await openBench(session);
  return await prepareGovc(bench);
}

function connection({ host }: Session, infra: ReadInfra | undefined): Readonly<Record<string, string>> {
  const certificates = infra?.value.vmware?.['tls-ca-certs'];
  const told = CONNECTION_VARIABLES.flatMap((name) => {
    const value = host.environment[name] ?? '';
    return value === '' ? [] : [[name, value] as const];
  });
  const ours = certificates === undefined ? {} : { GOVC_TLS_CA_CERTS: resolve(infra?.dir ?? '', certificates) };
  return { ...ours, ...Object.fromEntries(told) };
}

/** @throws BuildErrors what failed anywhere, when all have answered */
export async function inEach<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<readonly R[]> {
  const answers = await Promise.allSettled(all.map(ask));
  const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
  const bug = failures.find((failure) => !(failure instanceof BuildError || failure instanceof BuildErrors));
  if (bug !== undefined) throw bug instanceof Error ? bug : new TypeError('expected an error', { cause: bug });
  throwAll(failures.flatMap(flatten));
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
}

function flatten(failure: unknown): readonly BuildError[] {
  if (failure instanceof BuildErrors) return failure.errors;
  return failure instanceof BuildError ? [failure] : [];
}
