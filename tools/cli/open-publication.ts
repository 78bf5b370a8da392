import { join } from 'node:path';

import { disksDigest } from '../aws/image-spec.ts';
import { PATIENCE } from '../aws/caller.ts';
import type { Publication } from '../aws/publication.ts';
import { Regions } from '../aws/region.ts';
import { ARCHES } from '../config/arch.ts';
import { awsSchema } from '../config/infra-aws.ts';
import type { AwsConfig } from '../config/infra-aws.ts';
import { readProject } from '../config/project.ts';
import { readInfra } from '../config/read-infra.ts';
import type { ReadInfra } from '../config/read-infra.ts';
import { BuildError } from '../errors.ts';
import { fileName } from '../image/names.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { AMIS_SUFFIX, describeAmi, findBuiltImage, findDisks } from '../recipe/publish-image.ts';
import type { BuiltImage, WhichImage } from '../recipe/publish-image.ts';
import { lockPublication } from './lock-publication.ts';
import type { AmiFlags, PublishFlags } from './publish-flags.ts';
import type { Session } from './session.ts';

/** Which variant, and where it is published to. */
export interface OpenRegions
  extends Pick<Publication, 'config' | 'regionNames' | 'regions' | 'stateDir' | 'sink' | 'signal'>, AsyncDisposable {
  readonly which: WhichImage;
  readonly infra: ReadInfra | undefined;
}

/**
 * The regions of a variant, with nobody else of this machine publishing it meanwhile.
 * @throws BuildErrors
 */
export async function openRegions(session: Session, flags: PublishFlags): Promise<OpenRegions> {
  const project = readProject(session.globals.directory);
  const infra = readInfra(project.dir, flags.infra);
  const config = infra?.value.aws ?? awsSchema.parse({});
  const variant = wantedVariant(project, flags.variant);
  const arch = flags.arch ?? variant.arches[0] ?? ARCHES[0];
  const regionNames = chooseRegions(flags, { config, infra });
  return {
    which: { project, variant, arch, build: flags.image },
    infra,
    config,
    regionNames,
    regions: callRegions(session, { config, regionNames, patience: flags.patience }),
    stateDir: join(project.dir, 'build', 'publish'),
    sink: session.sink,
    signal: session.signal,
    ...(await lockPublication(session, { dir: project.dir, variant: variant.name, arch })),
  };
}

export interface OpenUpkeep extends OpenRegions {
  readonly image: BuiltImage;
  readonly amisPath: string;
  /** Digest of the disks, as amis.json has it. */
  readonly disks: string;
}

/** The AMIs of an image that this checkout has built. @throws BuildErrors */
export async function openUpkeep(session: Session, flags: PublishFlags): Promise<OpenUpkeep> {
  const opened = await openRegions(session, flags);
  try {
    const image = findBuiltImage(opened.which);
    const amisPath = join(image.dir, fileName(image.name, AMIS_SUFFIX));
    return { ...opened, image, amisPath, disks: disksDigest(findDisks(image, opened.which)) };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

export interface OpenPublication extends OpenUpkeep, Publication, AsyncDisposable {
  readonly amisPath: string;
}

/** Everything that making AMIs takes. @throws BuildErrors */
export async function openPublication(session: Session, flags: AmiFlags): Promise<OpenPublication> {
  const opened = await openUpkeep(session, flags);
  try {
    const options = { name: flags.name, description: flags.description, uefiData: flags.uefiData };
    return { ...opened, spec: describeAmi(opened.image, opened.which, { config: opened.config, options }) };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

function callRegions(
  { signal }: Session,
  { config, regionNames, patience }: { config: AwsConfig; regionNames: readonly string[]; patience: number },
): Regions {
  const [baseRegion = ''] = regionNames;
  const roles = Object.entries(config.region).flatMap(([name, { role }]): [string, string][] =>
    role === undefined ? [] : [[name, role]],
  );
  const identity = { baseRegion, profile: config.profile, role: config.role, regionRoles: new Map(roles) };
  return new Regions({ identity, signal, patience: { ...PATIENCE, totalMs: patience * 1000 } });
}

function chooseRegions(
  { regions }: PublishFlags,
  { config, infra }: { config: AwsConfig; infra: ReadInfra | undefined },
): readonly string[] {
  const chosen = [...new Set(regions ?? config.regions)];
  if (chosen.length > 0) return chosen;
  throw new BuildError('aws/no-regions', 'Cannot tell where to publish: expected at least one region', {
    at: infra?.locate(['aws', 'regions']),
    hint: 'Write aws.regions in Infra.yaml, the first one being where snapshots are made, or give --regions',
  });
}
