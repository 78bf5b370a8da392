import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { BuildError, BuildErrors } from '../errors.ts';
import { readInfra } from './read-infra.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'slipway-infra-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

function write(name: string, text: string): void {
  writeFileSync(join(dir, name), text);
}

/** What is wrong, as `line:column code message`. */
function complaints(): string[] {
  try {
    readInfra(dir);
    return [];
  } catch (error) {
    const errors = error instanceof BuildErrors ? error.errors : [error];
    return errors.map((each) =>
      each instanceof BuildError ? `${each.at?.line}:${each.at?.column} ${each.code} ${each.message}` : String(each),
    );
  }
}

const TOML = `[repo.acme]
root_role_url = "file:///srv/roots/acme.root.json"
root_role_sha512 = "${'ab'.repeat(64)}"
signing_keys = { kms = { key_id = "mrk-0a1b", available_keys = { "mrk-0a1b" = "eu-north-1" } } }
metadata_base_url = "https://updates.acme.example/2030/"
targets_url = "https://updates.acme.example/targets/"
[aws]
regions = ["eu-north-1", "ap-south-1"]
region.ap-south-1.role = "arn:aws:iam::210000000001:role/pub"
`;

test('an Infra.toml as pubsys reads it says the same here', () => {
  write('Infra.toml', TOML);
  expect(readInfra(dir)?.value.repo['acme']).toEqual({
    'root-role-url': 'file:///srv/roots/acme.root.json',
    'root-role-sha512': 'ab'.repeat(64),
    'signing-keys': { kms: { 'key-id': 'mrk-0a1b', 'available-keys': { 'mrk-0a1b': 'eu-north-1' } } },
    'metadata-base-url': 'https://updates.acme.example/2030/',
    'targets-url': 'https://updates.acme.example/targets/',
  });
});

test('Infra.lock replaces Infra.toml, and Infra.yaml both', () => {
  write('Infra.toml', TOML);
  write('Infra.lock', 'repo: { locked: { signing_keys: { ssm: { parameter: /key } } } }\n');
  expect(Object.keys(readInfra(dir)?.value.repo ?? {})).toEqual(['locked']);
  write('Infra.yaml', 'repo: { ours: {} }\n');
  expect(Object.keys(readInfra(dir)?.value.repo ?? {})).toEqual(['ours']);
});

test('no file is no configuration', () => {
  expect(readInfra(dir)).toBeUndefined();
});

test('every complaint about a TOML file has its line and column', () => {
  write(
    'Infra.toml',
    '[repo.acme]\nsigning_keys = { kms = { key = "x" } }\nmetadata_base_url = 3\nroot_rol_url = "x"\n',
  );
  expect(complaints()).toEqual([
    '2:18 config/bad-value Cannot read "repo.acme.signing-keys.kms.key-id": expected a text, got nothing',
    '2:32 config/unknown-key Cannot read "repo.acme.signing-keys.kms.key": expected one of key-id, region, profile, endpoint, available-keys, key-alias, regions, key-stack-arns',
    '3:21 config/bad-value Cannot read "repo.acme.metadata-base-url": expected a text, got 3',
    expect.stringMatching(
      /^4:16 config\/unknown-key Cannot read "repo.acme.root-rol-url": expected one of root-roles, root-role-url/,
    ),
  ]);
});

test('a TOML file that is none is told from where it breaks', () => {
  write('Infra.toml', '[repo.acme]\nsigning_keys = {\n');
  expect(complaints()).toEqual([expect.stringMatching(/^\d:\d+ config\/not-toml Cannot read "[^"]+Infra.toml": /)]);
});

test('a key that is kept in two places is refused', () => {
  write('Infra.yaml', 'repo:\n  acme:\n    root-keys: { file: { path: a.pem }, ssm: { parameter: /a } }\n');
  expect(complaints()).toEqual([
    expect.stringContaining('3:41 config/unknown-key Cannot read "repo.acme.root-keys.ssm"'),
  ]);
});
