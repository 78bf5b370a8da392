import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import { compareContents, readContents } from '../image/contents.ts';
import { placeArtifacts } from '../image/place.ts';
import { readBuildId } from '../recipe/build-id.ts';
import { buildPackage } from '../recipe/build-package.ts';
import { planTargets } from '../recipe/plan-targets.ts';
import { buildImages, buildUnsigned } from '../recipe/sign-image.ts';
import type { BuiltImages } from '../recipe/sign-image.ts';
import type { VariantPlan } from '../recipe/variant.ts';
import { readProfile } from '../secure-boot/read-profile.ts';
import type { Profile } from '../secure-boot/profile.ts';
import { readRequest, readSignatures, writeRequest } from '../secure-boot/request.ts';
import { openSigner } from '../secure-boot/signer.ts';
import type { Sign } from '../secure-boot/signer.ts';
import { describeImages, describePackage, imagesToJson } from './describe.ts';
import type { BuiltImage } from './describe.ts';
import { addProfileFlag, addRunFlags, addTargetFlags } from './flags.ts';
import type { ProfileFlags, RunFlags, SignLaterFlags, TargetFlags } from './flags.ts';
import { example } from './help.ts';
import { keyContextOf } from './key-context.ts';
import { openBench } from './open-bench.ts';
import type { Bench } from './open-bench.ts';
import { addOvaFlags, assertNotYet, openOvaSigning, signedOvas } from './ova-flags.ts';
import type { OvaFlags } from './ova-flags.ts';
import type { RunVerb, Session } from './session.ts';

interface BuildFlags extends TargetFlags, RunFlags, ProfileFlags, SignLaterFlags, OvaFlags {
  readonly package?: string;
}

export function addBuild(program: Command, run: RunVerb): void {
  const command = program
    .command('build')
    .description('Build images of a variant from source, and put them below build/images/');
  addOvaFlags(addProfileFlag(addRunFlags(addTargetFlags(command))))
    .option('--all', 'every variant, for every architecture it lists')
    .option('--package <name>', 'one package instead, with all it is built with')
    .option('--sign-later <folder>', 'write what has to be signed to a folder; "sign --from" goes on from there')
    .addHelpText(
      'after',
      example('build --variant metal-dev', 'build --package systemd', 'build --variant metal-dev --offline --cores 8'),
    )
    .action((flags: BuildFlags) =>
      run((session) =>
        flags.package === undefined ? buildVariants(session, flags) : buildOne(session, flags, flags.package),
      ),
    );
}

async function buildOne(session: Session, flags: BuildFlags, name: string): Promise<void> {
  await using bench = await openBench(session, flags);
  const built = await buildPackage(bench, name, flags.arch ?? 'x86_64');
  session.result(describePackage(built), built);
}

export async function buildVariants(session: Session, flags: BuildFlags): Promise<void> {
  await using bench = await openBench(session, flags);
  const buildId = await readBuildId(bench.project.dir, session.host.home);
  await buildSigned(session, bench, { plans: await planTargets(bench, flags, buildId), flags });
}

export interface SignedBuild {
  readonly plans: readonly VariantPlan[];
  /** `signatures`: a folder that has them. */
  readonly flags: ProfileFlags & SignLaterFlags & OvaFlags & { readonly signatures?: string };
}

/** Builds images, and has those signed that are to be: now, or later. */
export async function buildSigned(session: Session, bench: Bench, { plans, flags }: SignedBuild): Promise<void> {
  // Before anything is built: an hour later is a bad time to hear of a key.
  const profile = plans.some(({ signing }) => signing !== undefined)
    ? readProfile(bench.project.dir, flags.sbkeys, new Date())
    : undefined;
  if (profile !== undefined && flags.signLater !== undefined) {
    assertNotYet(flags);
    await leaveForSigner(session, bench, { plans, profile, folder: resolve(flags.signLater) });
    return;
  }
  const sign = profile && (await openSign(session, profile, flags.signatures));
  const signing = profile && sign && { profile, sign };
  const ovaSigning = await openOvaSigning(session, flags, plans);
  const built = await buildImages(bench, plans, signing);
  const images = await signedOvas(session, bench, { built, signing: ovaSigning });
  if (images !== undefined) await placeImages(session, bench, images);
}

async function openSign(session: Session, profile: Profile, folder: string | undefined): Promise<Sign> {
  if (folder === undefined) return await openSigner(profile, keyContextOf(session));
  readRequest(resolve(folder), profile);
  return (items) => Promise.resolve(readSignatures(resolve(folder), items));
}

/** Puts what was built below build/images/, and tells of it. */
export async function placeImages(session: Session, bench: Bench, { plans, result }: BuiltImages): Promise<void> {
  const images: BuiltImage[] = [];
  for (const plan of plans) {
    const { dir } = bench.project;
    const before = readContents(plan.name, dir);
    const placed = await placeArtifacts(plan, { store: bench.store, result, dir });
    const contents = readContents(plan.name, dir) ?? [];
    const changes = before && compareContents(before, contents);
    images.push({ ...placed, variant: plan.variant.name, arch: plan.arch, contents, changes });
  }
  session.result(describeImages(images, result.statistics, session.command), {
    images: imagesToJson(images),
    statistics: result.statistics,
  });
}

interface Later {
  readonly plans: readonly VariantPlan[];
  readonly profile: Profile;
  readonly folder: string;
}

async function leaveForSigner(session: Session, bench: Bench, { plans, profile, folder }: Later): Promise<void> {
  const unsigned = await buildUnsigned(bench, plans, profile);
  const requests = unsigned.map(({ plan, items }) => {
    const image = `${plan.arch}-${plan.variant.name}`;
    const dir = unsigned.length === 1 ? folder : join(folder, image);
    writeRequest(dir, image, { profile, files: items });
    return { image, dir, variant: plan.variant.name, arch: plan.arch, files: items.map(({ name }) => name) };
  });
  const lines = requests.flatMap(({ variant, arch, dir, files }) => [
    `${variant} for ${arch}: ${files.join(', ')} wait for their signatures in ${dir}`,
    `Where the keys are: ${session.command} sign ${dir}`,
    `Then, here: ${session.command} sign --from ${dir} --variant ${variant} --arch ${arch}`,
  ]);
  session.result(lines.join('\n'), { requests });
}
