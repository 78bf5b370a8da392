import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { Evil, IMAGE } from './rig/evil.ts';

/** Each attack is refused by our client and by python-tuf, both of which read the untouched repository first. */
let evil: Evil;

beforeAll(async () => {
  evil = await Evil.create();
}, 600_000);

beforeEach(() => evil.begin());
afterAll(() => evil[Symbol.asyncDispose]());

test('the repository as it is: accepted by both', async () => {
  expect(await evil.verdict()).toEqual({ ours: '0', python: 'accepted' });
});

test('an expired timestamp', async () => {
  evil.resign('timestamp.json', (signed) => ({ ...signed, expires: '2020-01-01T00:00:00Z' }));
  expect(await evil.verdict()).toEqual({ ours: '1 tuf/refused-by-client', python: 'ExpiredMetadataError' });
});

test('an older snapshot and timestamp than a client has seen', async () => {
  expect(await evil.verdict({ seen: evil.newer })).toEqual({
    ours: '1 tuf/refused-by-client',
    python: 'BadVersionNumberError',
  });
});

test('a newer timestamp over an older snapshot than a client has seen', async () => {
  const { signed } = evil.read(evil.newer, 'timestamp.json');
  evil.resign('timestamp.json', (timestamp) => ({ ...timestamp, version: signed.version + 5 }));
  expect(await evil.verdict({ seen: evil.newer })).toEqual({
    ours: '1 tuf/refused-by-client',
    python: 'BadVersionNumberError',
  });
});

test('a target in whose place there is another of the same length', async () => {
  const file = readdirSync(join(evil.spoilt, 'targets')).find((name) => name.endsWith(IMAGE)) ?? '';
  const bytes = readFileSync(join(evil.spoilt, 'targets', file));
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  writeFileSync(join(evil.spoilt, 'targets', file), bytes);
  expect(await evil.verdict()).toEqual({ ours: '1 source/wrong-digest', python: 'LengthOrHashMismatchError' });
  expect(existsSync(join(evil.downloads, IMAGE))).toBe(false);
});

test('a snapshot of one state with targets of another', async () => {
  const [old, young] = [evil.fileOf(evil.good, 'targets'), evil.fileOf(evil.newer, 'targets')];
  writeFileSync(evil.metadata(evil.spoilt, old), readFileSync(evil.metadata(evil.newer, young)));
  expect(await evil.verdict()).toEqual({ ours: '1 tuf/refused-by-client', python: 'LengthOrHashMismatchError' });
});

test('metadata that never ends', async () => {
  expect(await evil.verdict({ misbehave: ['endless'] })).toMatchObject({
    ours: '1 tuf/refused-by-client',
    python: 'DownloadLengthMismatchError',
  });
});

test('a signature of a key that the root does not name', async () => {
  const { signed } = evil.read(evil.spoilt, 'timestamp.json');
  writeFileSync(
    evil.metadata(evil.spoilt, 'timestamp.json'),
    JSON.stringify({
      signed: { ...signed, version: signed.version + 1 },
      signatures: [{ keyid: 'ab'.repeat(32), sig: 'cd'.repeat(64) }],
    }),
  );
  expect(await evil.verdict()).toEqual({ ours: '1 tuf/refused-by-client', python: 'UnsignedMetadataError' });
});

test('one signature twice, where the root wants two', async () => {
  evil.resign('1.root.json', (signed) => {
    const roles = z
      .record(z.string(), z.object({ keyids: z.array(z.string()), threshold: z.number() }))
      .parse(signed['roles']);
    return { ...signed, version: 2, roles: { ...roles, root: { keyids: roles['root']?.keyids ?? [], threshold: 2 } } };
  });
  const { signed, signatures } = evil.read(evil.spoilt, '1.root.json');
  writeFileSync(
    evil.metadata(evil.spoilt, '2.root.json'),
    JSON.stringify({ signed, signatures: [...signatures, ...signatures] }),
  );
  writeFileSync(evil.metadata(evil.spoilt, '1.root.json'), readFileSync(evil.metadata(evil.good, '1.root.json')));
  const { ours, python } = await evil.verdict();
  expect(ours).toBe('1 tuf/refused-by-client');
  expect(python).not.toBe('accepted');
});

test('a snapshot that no longer names the targets', async () => {
  const file = evil.fileOf(evil.spoilt, 'snapshot');
  evil.resign(file, (signed) => ({ ...signed, meta: {} }));
  evil.pointTo(file);
  const { ours, python } = await evil.verdict();
  expect(ours).toBe('1 tuf/refused-by-client');
  expect(python).not.toBe('accepted');
});

test('a server that fails at first, is slow, or knows no ranges, is no attack', async () => {
  expect(await evil.verdict({ misbehave: ['fail-first', 'slow', 'no-range', 'forbid-missing'] })).toMatchObject({
    ours: '0',
  });
});

test('validate names the role, the rule, what is there and what was expected', async () => {
  const snapshot = evil.fileOf(evil.spoilt, 'snapshot');
  writeFileSync(
    evil.metadata(evil.spoilt, snapshot),
    readFileSync(evil.metadata(evil.newer, evil.fileOf(evil.newer, 'snapshot'))),
  );
  const { status, stderr } = await evil.rig.make(
    'repo',
    'validate',
    '--variant',
    'metal-dev',
    '--base',
    `file:${evil.spoilt}`,
  );
  expect(status).toBe(2);
  expect(stderr).toMatch(/snapshot\.json": expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}  \[tuf\/wrong-digest\]/);
});

function refusal(...argv: readonly string[]): Promise<string> {
  return evil.rig.refusal('repo', ...argv, '--variant', 'metal-dev', '--base', `file:${evil.spoilt}`);
}

describe('roles of others, which are signed and trusted by nobody else', () => {
  test('a target whose name climbs out of the folder is published nowhere', async () => {
    const outside = { length: 3, hashes: { sha256: 'ab'.repeat(32) } };
    evil.resignTargets((signed) => {
      const targets = z.record(z.string(), z.unknown()).parse(signed['targets']);
      return { ...signed, targets: { ...targets, '/../../metal-dev/x86_64/timestamp.json': outside } };
    });
    expect(await refusal('validate', '--quick')).toBe('2 tuf/bad-target-name');
    expect(await refusal('refresh')).toBe('0');
    expect(await evil.rig.refusal('repo', 'publish', '--to', `file:${evil.spoilt}`)).toBe('1 tuf/bad-target-name');
  });

  test('more delegations than anybody reads are an error, and are never left out of what is signed anew', async () => {
    const roles = Array.from({ length: 1025 }, (_, index) => ({
      name: `bin-${index}`,
      keyids: [],
      threshold: 1,
      terminating: false,
      paths: [`${index}-*`],
    }));
    evil.resignTargets((signed) => ({ ...signed, delegations: { keys: {}, roles } }));
    expect(await refusal('refresh')).toBe('1 tuf/too-many-roles');
  });
});
