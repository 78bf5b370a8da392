import { readFileSync } from 'node:fs';

import { BuildError } from '../errors.ts';
import { linkNames, OVA_SUFFIX } from '../image/names.ts';
import { OVA_MANIFEST } from '../vmware/ova.ts';
import { signedOvaTask } from '../vmware/sign-ova.ts';
import type { OvaSigner } from '../vmware/sign-ova.ts';
import { buildAll } from './sign-image.ts';
import type { BuiltImages } from './sign-image.ts';
import type { VariantPlan } from './variant.ts';
import type { Workbench } from './workbench.ts';

/** Before an hour of building: that there will be something to sign. @throws BuildError vmware/nothing-to-sign */
export function assertHasOva(plans: readonly Pick<VariantPlan, 'variant'>[]): void {
  if (plans.some(({ variant }) => variant.image.format === 'vmdk')) return;
  const names = plans.map(({ variant }) => variant.name).join(', ');
  throw new BuildError('vmware/nothing-to-sign', `Cannot sign an OVA of ${names}: expected image.format vmdk`, {
    hint: 'Leave out --ova-key',
  });
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
      const [, , stem = ''] = linkNames(plan.name, '');
      return {
        ...artifact,
        task: signedOvaTask({ sandbox, tools, ova, certificate: certify({ name: `${stem}.mf`, content }) }),
      };
    }),
  }));
  return await buildAll(bench, 'Build with the OVA signed', signed);
}
