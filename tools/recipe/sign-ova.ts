import { readFileSync } from 'node:fs';

import { BuildError } from '../errors.ts';
import { linkNames, OVA_SUFFIX } from '../image/names.ts';
import { OVA_MANIFEST } from '../vmware/ova.ts';
import { signedOvaTask } from '../vmware/sign-ova.ts';
import type { Manifest, OvaSigner } from '../vmware/sign-ova.ts';
import { buildAll } from './sign-image.ts';
import type { BuiltImages } from './sign-image.ts';
import type { VariantPlan } from './variant.ts';
import type { Workbench } from './workbench.ts';

/** Before an hour of building: that there will be something to sign. @throws BuildError vmware/nothing-to-sign */
export function assertHasOva(plans: readonly Pick<VariantPlan, 'variant'>[]): void {
  if (plans.some(({ variant }) => variant.image.format === 'vmdk')) return;
  const names = plans.map(({ variant }) => variant.name).join(', ');
  throw new BuildError('vmware/nothing-to-sign', `Cannot sign an OVA of ${names}: expected image.format vmdk`, {
    hint: 'Leave out what begins with --ova',
  });
}

/** What vouches for the files of an image's OVA: that is what is signed. */
export function ovaManifests({ store }: Workbench, { plans, result }: BuiltImages): readonly Manifest[] {
  return plans.flatMap((plan) =>
    plan.artifacts
      .filter(({ suffix }) => suffix === OVA_SUFFIX)
      .map(({ task }) => manifestOf(plan, readFileSync(store.pathOf(result.output(task, OVA_MANIFEST))))),
  );
}

function manifestOf({ name }: VariantPlan, content: Buffer): Manifest {
  const [, , stem = ''] = linkNames(name, '');
  return { name: `${stem}.mf`, content };
}

/** The same images, the OVAs among them signed. */
export async function signOvas(
  bench: Workbench,
  { plans, result }: BuiltImages,
  { certify }: OvaSigner,
): Promise<BuiltImages> {
  const { sandbox, imageTools: tools, store } = bench;
  const signed = plans.map((plan) => ({
    ...plan,
    artifacts: plan.artifacts.map((artifact) => {
      if (artifact.suffix !== OVA_SUFFIX) return artifact;
      const { task: ova } = artifact;
      const content = readFileSync(store.pathOf(result.output(ova, OVA_MANIFEST)));
      return {
        ...artifact,
        task: signedOvaTask({ sandbox, tools, ova, certificate: certify(manifestOf(plan, content)) }),
      };
    }),
  }));
  return await buildAll(bench, 'Build with the OVA signed', signed);
}
