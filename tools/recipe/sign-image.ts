import { throwAll } from '../errors.ts';
import type { GraphResult } from '../graph/scheduler.ts';
import type { Inputs } from '../graph/task.ts';
import type { Artifact } from '../image/tasks.ts';
import { readFile } from '../secure-boot/bytes-task.ts';
import { signedChain, toBeSigned } from '../secure-boot/chain.ts';
import type { Profile } from '../secure-boot/profile.ts';
import type { RequestFile } from '../secure-boot/request.ts';
import { checkSignatures } from '../secure-boot/signer.ts';
import type { Sign } from '../secure-boot/signer.ts';
import { finishedArtifacts, signingChain, type SigningChain } from './signing-chain.ts';
import type { VariantPlan } from './variant.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

/** An image whose boot chain waits for signatures; everything else of it is made. */
export interface UnsignedImage {
  readonly plan: VariantPlan;
  readonly items: readonly RequestFile[];
  /** All of its artifacts. @throws BuildErrors secure-boot/bad-signature */
  readonly finish: (signatures: ReadonlyMap<string, Uint8Array>) => readonly Artifact[];
}

/** Builds all of the images that no signature reaches: one phase, and no key in it but public ones. */
export async function buildUnsigned(
  bench: Workbench,
  plans: readonly VariantPlan[],
  profile: Profile,
): Promise<readonly UnsignedImage[]> {
  const chains = plans.flatMap((plan) =>
    plan.signing === undefined ? [] : [signingChain(bench, { plan, signing: plan.signing, profile })],
  );
  const tasks = [...plans.flatMap(({ artifacts }) => artifacts), ...chains.flatMap(({ unsigned }) => unsigned)];
  const result = await runPhase(bench, 'Build', [...new Set(tasks.map(({ task }) => task))]);
  return chains.map((chain) => waiting(bench, chain, { profile, result }));
}

function waiting(
  bench: Workbench,
  chain: SigningChain,
  { profile, result }: { profile: Profile; result: Inputs },
): UnsignedImage {
  const { store } = bench;
  const { plan, unsigned } = chain;
  const items = unsigned.map((file) => ({
    name: file.name,
    key: file.key,
    toBeSigned: toBeSigned(store, result, file),
    content: readFile(store, result, file),
  }));
  return {
    plan,
    items,
    finish: (signatures) => {
      throwAll(checkSignatures(profile, items, signatures));
      return finishedArtifacts(bench, chain, signedChain(chain.options, unsigned, signatures));
    },
  };
}

/**
 * Plans to images: what is unsigned first, then signatures, then what holds them. The result has every artifact.
 * @throws BuildErrors secure-boot/bad-signature
 */
export async function buildImages(
  bench: Workbench,
  plans: readonly VariantPlan[],
  signing: { readonly profile: Profile; readonly sign: Sign } | undefined,
): Promise<BuiltImages> {
  if (signing === undefined) return await buildAll(bench, 'Build', plans);
  const unsigned = await buildUnsigned(bench, plans, signing.profile);
  const finished: VariantPlan[] = [];
  for (const { plan, items, finish } of unsigned)
    finished.push({ ...plan, artifacts: finish(await signing.sign(items)) });
  const rest = plans.filter((plan) => plan.signing === undefined);
  return await buildAll(bench, 'Build with signatures', [...rest, ...finished]);
}

export interface BuiltImages {
  /** With all artifacts. */
  readonly plans: readonly VariantPlan[];
  readonly result: GraphResult;
}

/** Everything of the plans, in one phase. */
export async function buildAll(bench: Workbench, title: string, plans: readonly VariantPlan[]): Promise<BuiltImages> {
  const tasks = [...new Set(plans.flatMap(({ artifacts }) => artifacts.map(({ task }) => task)))];
  return { plans, result: await runPhase(bench, title, tasks) };
}
