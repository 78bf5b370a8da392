import { resolve } from 'node:path';

import type { Command } from 'commander';

import { BuildError } from '../errors.ts';
import { assertHasOva, ovaManifests, signOvas } from '../recipe/sign-ova.ts';
import type { BuiltImages } from '../recipe/sign-image.ts';
import type { VariantPlan } from '../recipe/variant.ts';
import { openOvaSigner } from '../vmware/open-ova-signer.ts';
import { openReturnedSigner, writeOvaRequest } from '../vmware/ova-request.ts';
import type { OvaSigner } from '../vmware/sign-ova.ts';
import type { Bench } from './open-bench.ts';
import type { Session } from './session.ts';

/** Who signs OVAs: a key that is here, or one in another building. */
export interface OvaFlags {
  readonly ovaKey?: string;
  readonly ovaCertificate?: string;
  readonly ovaSignLater?: string;
  readonly ovaSignatures?: string;
}

export function addOvaFlags(command: Command): Command {
  return command
    .option('--ova-key <file>', 'sign the OVA with this RSA key (PEM)')
    .option(
      '--ova-certificate <file>',
      'the certificate of the key that signs the OVA (PEM), and those of who vouches for it',
    )
    .option('--ova-sign-later <folder>', 'write what of the OVA has to be signed to a folder')
    .option('--ova-signatures <folder>', 'take the signature of the OVA from that folder');
}

/** An OVA has the disks in it, and those the signatures of the boot chain. @throws BuildError cli/too-early */
export function assertNotYet({ ovaKey, ovaCertificate, ovaSignLater, ovaSignatures }: OvaFlags): void {
  if ([ovaKey, ovaCertificate, ovaSignLater, ovaSignatures].every((flag) => flag === undefined)) return;
  throw new BuildError('cli/too-early', 'Cannot sign the OVA yet: the boot chain of its disks waits for signatures', {
    hint: 'Leave out what begins with --ova here, and give it to "sign --from <folder>"',
  });
}

/** What becomes of OVAs once they are built. */
export type OvaSigning =
  | { readonly type: 'none' }
  | { readonly type: 'now'; readonly signer: OvaSigner }
  | { readonly type: 'later'; readonly folder: string };

/** @throws BuildError cli/half-a-key, vmware/nothing-to-sign, and what openOvaSigner throws */
export async function openOvaSigning(
  { askSecret }: Session,
  { ovaKey: key, ovaCertificate: certificate, ovaSignLater, ovaSignatures }: OvaFlags,
  plans: readonly VariantPlan[],
): Promise<OvaSigning> {
  const ways = [key, ovaSignLater, ovaSignatures].filter((way) => way !== undefined);
  if (ways.length === 0 && certificate === undefined) return { type: 'none' };
  if (ways.length > 1)
    throw new BuildError(
      'cli/two-ways',
      'Cannot sign the OVA: expected one of --ova-key, --ova-sign-later, --ova-signatures',
    );
  if (ovaSignLater !== undefined) {
    assertHasOva(plans);
    return { type: 'later', folder: resolve(ovaSignLater) };
  }
  if (certificate === undefined || ways.length === 0)
    throw new BuildError(
      'cli/half-a-key',
      'Cannot sign the OVA: expected --ova-certificate, and with it --ova-key or --ova-signatures',
    );
  assertHasOva(plans);
  const now = new Date();
  if (ovaSignatures !== undefined)
    return { type: 'now', signer: openReturnedSigner(resolve(ovaSignatures), certificate, now) };
  return { type: 'now', signer: await openOvaSigner({ key: key ?? '', certificate }, { now, askSecret }) };
}

/** Images to be placed; nothing where they wait for a signature, and then that has been told. */
export async function signedOvas(
  session: Session,
  bench: Bench,
  { built, signing }: { readonly built: BuiltImages; readonly signing: OvaSigning },
): Promise<BuiltImages | undefined> {
  switch (signing.type) {
    case 'none':
      return built;
    case 'now':
      return await signOvas(bench, built, signing.signer);
    case 'later': {
      const { folder } = signing;
      const manifests = ovaManifests(bench, built);
      writeOvaRequest(folder, manifests);
      const files = manifests.map(({ name }) => `${name}.tbs`);
      const next =
        'Have them signed into .sig files, and run the same command with --ova-signatures and --ova-certificate';
      session.result(`${files.join(', ')} wait for their signatures in ${folder}\n${next}`, { folder, files });
      return undefined;
    }
  }
}
