import type { Artifact } from '../image/tasks.ts';
import { unsignedChain } from '../secure-boot/chain.ts';
import type { ChainOptions, SignedChain, Unsigned } from '../secure-boot/chain.ts';
import type { Profile } from '../secure-boot/profile.ts';
import { withOva } from './ova.ts';
import type { SigningPlan, VariantPlan } from './variant.ts';
import type { Workbench } from './workbench.ts';

/** An image whose boot chain is to be signed, and the files of it that are. */
export interface SigningChain {
  readonly plan: VariantPlan;
  readonly signing: SigningPlan;
  readonly options: ChainOptions;
  readonly unsigned: readonly Unsigned[];
}

export function signingChain(
  { store }: Workbench,
  { plan, signing, profile }: Pick<SigningChain, 'plan' | 'signing'> & { readonly profile: Profile },
): SigningChain {
  const options = { store, profile, arch: plan.arch, variant: plan.variant.name };
  const { shim, grub, image } = signing;
  return { plan, signing, options, unsigned: unsignedChain(options, { shim, grub, bootFiles: image.bootFiles }) };
}

/** All artifacts of the image, with signed files in it. */
export function finishedArtifacts(
  bench: Workbench,
  { plan, signing, options }: SigningChain,
  signed: SignedChain,
): readonly Artifact[] {
  const { PK, KEK, db } = options.profile.certificates;
  const certificate = { type: 'text', text: db.toString() } as const;
  const artifacts = [...signing.image.finish({ ...signed, certificate }), ...plan.artifacts];
  return withOva(bench, { ...plan, artifacts, certificates: { PK: PK.raw, KEK: KEK.raw, db: db.raw } });
}
