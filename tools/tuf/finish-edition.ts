/** Goes on with an edition that waits for signatures: takes in those that came, and signs what lies above on top of what is published by now. */
import { BuildError } from '../errors.ts';
import type { Edition } from './edition.ts';
import type { SignOptions } from './editor.ts';
import { isSigned, signAtHand, takeSignatures } from './half-signed.ts';
import type { Signature } from './metadata.ts';
import { newest } from './roots.ts';
import { authorityOf } from './trust.ts';
import type { Authority } from './trust.ts';
import { writeRequest } from './signing-request.ts';
import { digestOf, givenUnder, writeWaiting } from './waiting.ts';
import type { Waiting } from './waiting.ts';
import { signAndWrite } from './write-edition.ts';
import type { IfLacking, WaitingEdition, WrittenEdition } from './write-edition.ts';
import { openStage } from './stage.ts';

export interface FinishOptions extends Omit<SignOptions, 'expiration'> {
  /** Signatures that came back. */
  readonly signatures: readonly Signature[];
  readonly ifLacking: Extract<IfLacking, { type: 'wait' }>;
}

/**
 * What came is kept even where more is lacking, and brought a second time it changes nothing.
 * @throws BuildError tuf/stale-edition, tuf/bad-signature, tuf/expired ...
 */
export async function finishEdition(
  edition: Edition,
  waiting: Waiting,
  { signatures, ifLacking, ...options }: FinishOptions,
): Promise<WrittenEdition | WaitingEdition> {
  const { role, fleet, out } = waiting;
  assertFollows(edition, waiting);
  const authority = authorityUnder(edition, waiting);
  const root = newest(edition.roots).signed;
  const taken = takeSignatures(waiting.half, signatures, {
    authorities: [authority],
    hint: 'Sign the .tbs file as it is now',
  });
  const half = { ...waiting.half, signatures: taken };
  await writeWaiting({ ...waiting, half });
  const signed = await signAtHand(half, await options.signers(role), authority);
  const given = givenUnder(waiting, root);
  if (!isSigned(signed)) {
    await writeWaiting({ ...waiting, half: signed });
    const requestDir = await writeRequest(ifLacking.folder, {
      repository: ifLacking.repository,
      fleet,
      half: signed,
      authority,
      out,
    });
    return { state: 'waiting', half: signed, authority, given, dir: out, fleet, requestDir, added: [] };
  }
  await using stage = await openStage(out);
  const { roots, base } = edition;
  const below = { ...given, [role]: signed };
  const draft = { roots, base, given: below, targets: edition.targets };
  const { expiration } = waiting;
  return await signAndWrite(
    stage,
    { fleet, added: [], draft },
    { ...options, expiration, ifLacking, out, ifThere: 'replace' },
  );
}

/** Who signs what waits, under the newest root there is by now. */
export function authorityUnder({ roots }: Pick<Edition, 'roots'>, { role }: Pick<Waiting, 'role'>): Authority {
  return authorityOf(newest(roots).signed, role);
}

/** Somebody who published the role meanwhile published content that this one does not have. */
function assertFollows({ base }: Edition, { role, half, follows }: Waiting): void {
  if (digestOf(base, role) === follows) return;
  const now = base === undefined ? 'nothing' : `${role} version ${base[role].signed.version}`;
  throw new BuildError(
    'tuf/stale-edition',
    `Cannot finish ${role} version ${half.signed.version}: it follows another than what is published now, ${now}`,
    { hint: 'Make it again on top of that, with --sign-later and --replace: what was signed is of no use any more' },
  );
}
