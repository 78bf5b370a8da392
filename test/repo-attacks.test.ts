import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalize } from '@tufjs/canonical-json';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';

import { keyIdOf, tufKeyOf } from '../tools/tuf/key.ts';
import type { Misbehaviour } from '../tools/tuf/serve.ts';
import { UpdateRig } from './rig/update-rig.ts';

/**
 * What someone may do who holds the place where hosts read (TUF 1.5.2), and now and then a key. Each is refused by our client and by python-tuf, both of
 * which read the untouched repository first.
 */
let rig: UpdateRig;
let good: string;
let newer: string;
let evil: string;
const IMAGE = 'slipway-metal-dev-x86_64-1.0.0-abcd1234-root.erofs.lz4';

beforeAll(async () => {
  rig = await UpdateRig.create();
  good = join(rig.dir, 'good');
  newer = join(rig.dir, 'newer');
  evil = join(rig.dir, 'evil');
  await rig.build({ version: '1.0.0' });
  await rig.ok('repo', 'create', '--variant', 'metal-dev');
  await rig.ok('repo', 'publish', '--to', `file:${good}`);
  cpSync(good, newer, { recursive: true });
  await rig.ok('repo', 'refresh', '--variant', 'metal-dev', '--base', `file:${newer}`);
  await rig.ok('repo', 'publish', '--to', `file:${newer}`);
}, 600_000);

beforeEach(() => cpSync(good, evil, { recursive: true }));
afterEach(() => rmSync(evil, { recursive: true }));
afterAll(() => rig[Symbol.asyncDispose]());

const metadata = (dir: string, file: string): string => join(dir, 'metal-dev', 'x86_64', file);

function devDir(): string {
  return join(rig.dir, '.config', 'slipway', 'repositories', 'default');
}

function fileOf(dir: string, role: string): string {
  const names = readdirSync(metadata(dir, '')).filter((name) => name.endsWith(`${role}.json`));
  return names.toSorted().at(-1) ?? '';
}

const envelopeSchema = z.object({
  signed: z.looseObject({ version: z.number() }),
  signatures: z.array(z.object({ keyid: z.string(), sig: z.string() })),
});
type Envelope = z.output<typeof envelopeSchema>;

function read(dir: string, file: string): Envelope {
  return envelopeSchema.parse(JSON.parse(readFileSync(metadata(dir, file), 'utf8')));
}

/** Writes metadata with other words, signed by whoever holds the repository's key. */
function resign(file: string, change: (signed: Envelope['signed']) => object): void {
  const { signed, signatures } = read(evil, file);
  const other = change(signed);
  const key = createPrivateKey(readFileSync(join(devDir(), 'dev-key.pem')));
  const sig = sign(null, Buffer.from(canonicalize(other)), key).toString('hex');
  writeFileSync(
    metadata(evil, file),
    JSON.stringify({ signed: other, signatures: [{ keyid: signatures[0]?.keyid ?? '', sig }] }),
  );
}

/** Makes the timestamp speak of a snapshot of these bytes. */
function pointTo(file: string): void {
  const bytes = readFileSync(metadata(evil, file));
  const { signed } = read(evil, file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const meta = { 'snapshot.json': { version: signed.version, length: bytes.length, hashes: { sha256 } } };
  resign('timestamp.json', (timestamp) => ({ ...timestamp, version: timestamp.version + 1, meta }));
}

interface Verdict {
  readonly ours: string;
  readonly python: string;
}

let clients = 0;

/** What both clients say of the evil copy; `seen`: what they have read before. */
async function verdict({
  seen,
  misbehave = [],
}: { seen?: string; misbehave?: readonly Misbehaviour[] } = {}): Promise<Verdict> {
  clients += 1;
  const client = `client-${clients}`;
  const cache = join(rig.dir, 'out', client);
  // A port is a repository to our client: it remembers by address, so the same server shows both.
  const shown = join(rig.dir, 'shown');
  rmSync(shown, { recursive: true, force: true });
  cpSync(seen ?? evil, shown, { recursive: true });
  await using server = await rig.serve(shown, ...(seen === undefined ? misbehave : []));
  const python = async (): Promise<string> => {
    const answer = await rig.pythonTuf(server.url, {
      root: join(devDir(), 'roots', '1.root.json'),
      names: [IMAGE],
      client,
    });
    return 'error' in answer ? answer.error : 'accepted';
  };
  const ours = (): Promise<string> =>
    rig.refusal('repo', 'download', '--variant', 'metal-dev', '--base', server.url, '--out', cache);
  if (seen !== undefined) {
    const first = { ours: await ours(), python: await python() };
    if (first.ours !== '0' || first.python !== 'accepted')
      throw new Error(`Expected both to read what is good, got ${JSON.stringify(first)}`);
    rmSync(shown, { recursive: true });
    rmSync(cache, { recursive: true });
    rmSync(join(rig.dir, 'python', client, 'targets'), { recursive: true });
    cpSync(evil, shown, { recursive: true });
  }
  return { ours: await ours(), python: await python() };
}

test('the repository as it is: accepted by both', async () => {
  expect(await verdict()).toEqual({ ours: '0', python: 'accepted' });
});

test('an expired timestamp', async () => {
  resign('timestamp.json', (signed) => ({ ...signed, expires: '2020-01-01T00:00:00Z' }));
  expect(await verdict()).toEqual({ ours: '1 tuf/refused-by-client', python: 'ExpiredMetadataError' });
});

test('an older snapshot and timestamp than a client has seen', async () => {
  expect(await verdict({ seen: newer })).toEqual({ ours: '1 tuf/refused-by-client', python: 'BadVersionNumberError' });
});

test('a newer timestamp over an older snapshot than a client has seen', async () => {
  const { signed } = read(newer, 'timestamp.json');
  resign('timestamp.json', (timestamp) => ({ ...timestamp, version: signed.version + 5 }));
  expect(await verdict({ seen: newer })).toEqual({ ours: '1 tuf/refused-by-client', python: 'BadVersionNumberError' });
});

test('a target in whose place there is another of the same length', async () => {
  const file = readdirSync(join(evil, 'targets')).find((name) => name.endsWith(IMAGE)) ?? '';
  const bytes = readFileSync(join(evil, 'targets', file));
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  writeFileSync(join(evil, 'targets', file), bytes);
  expect(await verdict()).toEqual({ ours: '1 source/wrong-digest', python: 'LengthOrHashMismatchError' });
  expect(existsSync(join(rig.dir, 'out', `client-${clients}`, IMAGE))).toBe(false);
});

test('a snapshot of one state with targets of another', async () => {
  const [old, young] = [fileOf(good, 'targets'), fileOf(newer, 'targets')];
  writeFileSync(metadata(evil, old), readFileSync(metadata(newer, young)));
  expect(await verdict()).toEqual({ ours: '1 tuf/refused-by-client', python: 'LengthOrHashMismatchError' });
});

test('metadata that never ends', async () => {
  expect(await verdict({ misbehave: ['endless'] })).toMatchObject({
    ours: '1 tuf/refused-by-client',
    python: 'DownloadLengthMismatchError',
  });
});

test('a signature of a key that the root does not name', async () => {
  const { signed } = read(evil, 'timestamp.json');
  writeFileSync(
    metadata(evil, 'timestamp.json'),
    JSON.stringify({
      signed: { ...signed, version: signed.version + 1 },
      signatures: [{ keyid: 'ab'.repeat(32), sig: 'cd'.repeat(64) }],
    }),
  );
  expect(await verdict()).toEqual({ ours: '1 tuf/refused-by-client', python: 'UnsignedMetadataError' });
});

test('one signature twice, where the root wants two', async () => {
  resign('1.root.json', (signed) => {
    const roles = z
      .record(z.string(), z.object({ keyids: z.array(z.string()), threshold: z.number() }))
      .parse(signed['roles']);
    return { ...signed, version: 2, roles: { ...roles, root: { keyids: roles['root']?.keyids ?? [], threshold: 2 } } };
  });
  const { signed, signatures } = read(evil, '1.root.json');
  writeFileSync(metadata(evil, '2.root.json'), JSON.stringify({ signed, signatures: [...signatures, ...signatures] }));
  writeFileSync(metadata(evil, '1.root.json'), readFileSync(metadata(good, '1.root.json')));
  const { ours, python } = await verdict();
  expect(ours).toBe('1 tuf/refused-by-client');
  expect(python).not.toBe('accepted');
});

test('a snapshot that no longer names the targets', async () => {
  const file = fileOf(evil, 'snapshot');
  resign(file, (signed) => ({ ...signed, meta: {} }));
  pointTo(file);
  const { ours, python } = await verdict();
  expect(ours).toBe('1 tuf/refused-by-client');
  expect(python).not.toBe('accepted');
});

test('a server that fails at first, is slow, or knows no ranges, is no attack', async () => {
  expect(await verdict({ misbehave: ['fail-first', 'slow', 'no-range', 'forbid-missing'] })).toMatchObject({
    ours: '0',
  });
});

test('validate names the role, the rule, what is there and what was expected', async () => {
  const snapshot = fileOf(evil, 'snapshot');
  writeFileSync(metadata(evil, snapshot), readFileSync(metadata(newer, fileOf(newer, 'snapshot'))));
  const { status, stderr } = await rig.make('repo', 'validate', '--variant', 'metal-dev', '--base', `file:${evil}`);
  expect(status).toBe(2);
  expect(stderr).toMatch(/snapshot\.json": expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}  \[tuf\/wrong-digest\]/);
});

test('a role that targets delegate to is read, kept by a refresh, and found by python-tuf', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = tufKeyOf(publicKey, 'partner');
  const id = keyIdOf(key);
  const bytes = Buffer.from('of a partner');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(join(evil, 'targets', `${sha256}.partner-tool`), bytes);
  const expires = '2099-01-01T00:00:00Z';
  const partner = {
    _type: 'targets',
    spec_version: '1.0.0',
    version: 4,
    expires,
    targets: { 'partner-tool': { length: bytes.length, hashes: { sha256 } } },
  };
  const sig = sign(null, Buffer.from(canonicalize(partner)), privateKey).toString('hex');
  writeFileSync(
    metadata(evil, '4.partner.json'),
    JSON.stringify({ signed: partner, signatures: [{ keyid: id, sig }] }),
  );
  const roles = [{ name: 'partner', keyids: [id], threshold: 1, terminating: false, paths: ['partner-*'] }];
  const [targets, snapshot] = [fileOf(evil, 'targets'), fileOf(evil, 'snapshot')];
  resign(targets, (signed) => ({ ...signed, delegations: { keys: { [id]: key }, roles } }));
  const length = readFileSync(metadata(evil, targets)).length;
  const digest = createHash('sha256')
    .update(readFileSync(metadata(evil, targets)))
    .digest('hex');
  const { version } = read(evil, targets).signed;
  resign(snapshot, (signed) => ({
    ...signed,
    meta: { 'targets.json': { version, length, hashes: { sha256: digest } }, 'partner.json': { version: 4 } },
  }));
  pointTo(snapshot);
  await rig.ok('repo', 'refresh', '--variant', 'metal-dev', '--base', `file:${evil}`);
  await rig.ok('repo', 'publish', '--to', `file:${evil}`);
  expect(await rig.result('repo', 'validate', '--variant', 'metal-dev', '--base', `file:${evil}`)).toMatchObject({
    repositories: [{ targets: 10, findings: 0 }],
  });
  await using server = await rig.serve(evil);
  const root = join(devDir(), 'roots', '1.root.json');
  expect(
    await rig.pythonTuf(server.url, { root, names: ['partner-tool', IMAGE], client: 'delegations' }),
  ).toMatchObject({ targets: { 'partner-tool': sha256 } });
});
