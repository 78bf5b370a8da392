/** Signs what a folder asks for, where the keys are: of the repository nothing else has to be there. */
import { keysOfRole } from '../config/infra-repo.ts';
import type { KeySource, RepoConfig } from '../config/infra-repo.ts';
import { BuildError, throwAll } from '../errors.ts';
import type { KeyContext } from '../keys/service-key.ts';
import type { OnlineRole } from '../tuf/editor.ts';
import { parseKeyAddress } from '../tuf/key-address.ts';
import type { KeyId } from '../tuf/key.ts';
import { openSigner } from '../tuf/open-signer.ts';
import { readWords } from '../tuf/request-words.ts';
import type { RequestWords } from '../tuf/request-words.ts';
import { short } from '../tuf/role.ts';
import { signPayload } from '../tuf/signer.ts';
import type { IdentifiedSigner } from '../tuf/signer.ts';
import { writeSignature } from '../tuf/signature-files.ts';
import { readRequests } from '../tuf/signing-request.ts';
import type { SigningRequest } from '../tuf/signing-request.ts';

export interface SigningDesk {
  readonly keys: KeyContext;
  readonly config: RepoConfig | undefined;
  /** Keys as a command line names them; those of the role in Infra.yaml unless told. */
  readonly addresses: readonly string[] | undefined;
  /** Only says what would be signed. */
  readonly plan: boolean;
}

export interface SignedRequest {
  readonly request: SigningRequest;
  /** What the very bytes say that are signed. */
  readonly words: RequestWords;
  readonly by: readonly KeyId[];
  readonly files: readonly string[];
}

/**
 * Every request that wants one of the keys. Nothing is signed before all has been read, and every key was opened.
 * @throws BuildErrors tuf/no-request, tuf/changed-request, tuf/no-key, tuf/no-such-key
 */
export async function signRequests(folder: string, desk: SigningDesk): Promise<readonly SignedRequest[]> {
  const asked = (await readRequests(folder)).map((request) => ({ request, words: readWords(request) }));
  const signers = new Map<string, IdentifiedSigner>();
  for (const source of desk.plan ? [] : asked.flatMap(({ request: { role } }) => sourcesOf(desk, role))) {
    const id = JSON.stringify(source);
    if (!signers.has(id)) signers.set(id, await openSigner(source, desk.keys));
  }
  const requests = asked.map(({ request }) => request);
  throwAll(
    [...signers.values()]
      .filter((signer) => !requests.some((each) => isWanted(signer, each)))
      .map((signer) => unwanted(signer, requests)),
  );
  const done: SignedRequest[] = [];
  for (const { request, words } of asked) {
    const able = [...signers.values()].filter((signer) => isWanted(signer, request));
    const signatures = await Promise.all(able.map((signer) => signPayload(request.payload, signer)));
    const files = await Promise.all(signatures.map(({ keyid, sig }) => writeSignature(request, keyid, sig)));
    done.push({ request, words, by: signatures.map(({ keyid }) => keyid), files });
  }
  return done;
}

function isWanted({ id }: IdentifiedSigner, { keys }: SigningRequest): boolean {
  return keys.some((key) => key.id === id);
}

function sourcesOf({ addresses, config }: SigningDesk, role: OnlineRole): readonly KeySource[] {
  const signing = config?.['signing-keys'];
  const sources = addresses?.map(parseKeyAddress) ?? (signing === undefined ? [] : keysOfRole(signing, role));
  if (sources.length > 0) return sources;
  throw new BuildError('tuf/no-key', `Cannot sign ${role}: no key is named`, {
    hint: 'Name some by --key, or in "signing-keys" of Infra.yaml',
  });
}

function unwanted(signer: IdentifiedSigner, requests: readonly SigningRequest[]): BuildError {
  const asked = requests.map(({ role, 'role-version': version }) => `${role} version ${version}`).join(', ');
  const wanted = [...new Set(requests.flatMap(({ keys }) => keys.map(({ id }) => short(id))))].join(', ');
  return new BuildError(
    'tuf/no-such-key',
    `Cannot sign ${asked} with "${signer.name}": key ${short(signer.id)} is none of those that are wanted, ${wanted}`,
    { hint: 'Sign with one of those; to let another one sign: npx tsx Makefile.ts root rotate, then root add-key' },
  );
}
