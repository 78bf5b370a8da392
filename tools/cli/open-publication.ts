import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { contentDigest } from '../aws/image-spec.ts';
import type { ImageSpec } from '../aws/image-spec.ts';
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
import { Store } from '../graph/store.ts';
import { fileName } from '../image/names.ts';
import { wantedVariant } from '../recipe/plan-targets.ts';
import { AMIS_SUFFIX, describeAmi, findBuiltImage } from '../recipe/publish-image.ts';
import type { BuiltImage, WhichImage } from '../recipe/publish-image.ts';
import type { AmiFlags, PublishFlags } from './publish-flags.ts';
import type { Session } from './session.ts';

export interface OpenPublication extends Publication, AsyncDisposable {
  readonly image: BuiltImage;
  readonly content: string;
  readonly infra: ReadInfra | undefined;
}

/**
 * Everything a verb needs to publish one image, with nobody else publishing it meanwhile.
 * @throws BuildErrors
 */
export async function openPublication(session: Session, flags: AmiFlags): Promise<OpenPublication> {
  const project = readProject(session.globals.directory);
  const infra = readInfra(project.dir, flags.infra);
  const config = infra?.value.aws ?? awsSchema.parse({});
  const variant = wantedVariant(project, flags.variant);
  const which: WhichImage = {
    project,
    variant,
    arch: flags.arch ?? variant.arches[0] ?? ARCHES[0],
    build: flags.image,
  };
  const regionNames = chooseRegions(flags, { config, infra });
  const image = findBuiltImage(which);
  const options = { name: flags.name, description: flags.description, uefiData: flags.uefiData };
  const spec = describeAmi(image, which, { config, options });
  const lock = await lockImage(session, spec);
  return {
    spec,
    config,
    infra,
    image,
    content: contentDigest(spec),
    regionNames,
    regions: openRegions(session, { config, regionNames, patience: flags.patience }),
    stateDir: join(project.dir, 'build', 'publish'),
    amisPath: join(image.dir, fileName(image.name, AMIS_SUFFIX)),
    sink: session.sink,
    signal: session.signal,
    ...lock,
  };
}

function openRegions(
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

/** @throws BuildError aws/busy */
async function lockImage({ host }: Session, { variant, arch }: ImageSpec): Promise<AsyncDisposable> {
  const store = await Store.open(host.cacheDir);
  const name = `publish-${createHash('sha256').update(`${arch}-${variant}`).digest('hex').slice(0, 16)}`;
  await store.session.enter(new AbortController().signal);
  if (!store.session.tryLock(name)) {
    await store[Symbol.asyncDispose]();
    throw new BuildError('aws/busy', `Cannot publish ${variant} for ${arch}: another run on this machine is at it`, {
      hint: 'Wait for it to end; what it has done is then found and not done again',
    });
  }
  return {
    [Symbol.asyncDispose]: async () => {
      store.session.unlock(name);
      await store[Symbol.asyncDispose]();
    },
  };
}
