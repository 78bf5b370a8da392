/** Signs what is published anew, so that it is good for longer. */
import { resolve } from 'node:path';

import { openPublished, renew } from '../recipe/published.ts';
import { formatTable } from '../report/format.ts';
import type { Kept } from '../tuf/editor.ts';
import { readExpirationPolicy } from '../tuf/policies.ts';
import type { WaitingEdition, WrittenEdition } from '../tuf/write-edition.ts';
import { publishCommand } from './repo-flags.ts';
import { nameOf, wardsOf } from './repo-wards.ts';
import type { TendFlags } from './repo-wards.ts';
import type { Session } from './session.ts';
import { describeSigning, describeWaiting } from './tell-signing.ts';

export interface RefreshFlags extends TendFlags {
  readonly expiration: string;
  readonly allowExpired?: boolean;
  readonly keep?: Exclude<Kept, 'none'>;
  readonly signLater?: string;
}

export async function refresh(session: Session, flags: RefreshFlags): Promise<void> {
  const now = new Date();
  const signLater = flags.signLater === undefined ? undefined : resolve(flags.signLater);
  const options = { expiration: readExpirationPolicy(flags.expiration), now, signLater, signal: session.signal };
  const expiry = flags.allowExpired === true ? 'ignore' : 'enforce';
  const done: (readonly [repository: string, edition: WrittenEdition | WaitingEdition])[] = [];
  for (const ward of await wardsOf(session, flags)) {
    const { repo, fleet } = ward;
    const published = await openPublished(repo, fleet, { expiry, now });
    const edition = await renew(repo, published, { fleet, kept: flags.keep ?? 'none', options });
    done.push([nameOf(ward), edition]);
  }
  const written = done.flatMap(([repository, edition]) =>
    edition.state === 'written'
      ? [{ repository, dir: edition.dir, expires: edition.repository.timestamp.signed.expires }]
      : [],
  );
  const waiting = done.flatMap(([, edition]) => (edition.state === 'waiting' ? [describeWaiting(edition)] : []));
  const table = formatTable(written.map(({ repository, expires }) => [repository, `good until ${expires}`]));
  const commands = written.map(({ dir }) => `Publish it: ${publishCommand(session, dir, flags)}`);
  const signing =
    waiting.length === 0 ? [] : [...waiting.map(({ text }) => text), describeSigning(session, flags.signLater ?? '')];
  session.result([...(table === '' ? [] : [table]), ...commands, ...signing].join('\n'), {
    written,
    waiting: waiting.map(({ json }) => json),
  });
}
