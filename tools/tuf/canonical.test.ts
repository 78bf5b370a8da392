import { generateKeyPairSync, sign, constants } from 'node:crypto';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { formatMoment, parseMoment, parseOffset } from '../config/moment.ts';
import { canonicalBytes, keyIdOf, tufKeyOf, verifySignature } from './key.ts';
import { parseKeyAddress } from './key-address.ts';
import { choice, downgrades } from './manifest.ts';
import type { Update } from './manifest.ts';
import { findChain } from './migrations.ts';
import { nextVersion } from './next-version.ts';
import { targetNameComplaint } from './targets.ts';

/** What metadata is made of. A lone surrogate is no text, and a key of "__proto__" no key to JavaScript. */
const text = fc.string({ unit: 'grapheme' }).filter((each) => each !== '__proto__' && each.isWellFormed());
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    text,
    fc.array(tie('json')),
    fc.dictionary(text, tie('json')),
  ),
}));

describe('canonical JSON', () => {
  test('the order of keys changes nothing', () => {
    fc.assert(
      fc.property(fc.dictionary(text, json), (value) => {
        const turned = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalBytes(turned).equals(canonicalBytes(value))).toBe(true);
      }),
    );
  });

  test('what is printed for people and read again has the same canonical bytes', () => {
    fc.assert(
      fc.property(json, (value) => {
        const again: unknown = JSON.parse(JSON.stringify(value, undefined, 2));
        expect(canonicalBytes(again).equals(canonicalBytes(value))).toBe(true);
      }),
    );
  });

  test('without control characters, it is JSON of the same value', () => {
    const plain = fc.string().map((each) => each.replaceAll(/\p{Cc}/gu, ''));
    fc.assert(
      fc.property(
        fc.dictionary(
          plain.filter((each) => each !== '__proto__'),
          fc.oneof(plain, fc.integer()),
        ),
        (value) => {
          expect(JSON.parse(canonicalBytes(value).toString('utf8'))).toEqual(value);
        },
      ),
    );
  });

  test('a fraction cannot be signed', () => {
    expect(() => canonicalBytes({ version: 1.5 })).toThrow('cannot encode');
  });
});

test('a name that climbs, hides or leaves its folder is no target', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const taken = targetNameComplaint(name) === undefined;
      const harmless = !/[/\\\0]/.test(name) && !name.startsWith('.') && !name.startsWith('-') && name !== '';
      expect(!taken || harmless).toBe(true);
    }),
  );
  for (const name of ['../root.json', 'a/b', '.', '..', '', '.hidden', '-rf', 'a\0b', 'a\nb', '%2e%2e', 'a b'])
    expect(targetNameComplaint(name)).toMatchObject({ code: 'tuf/bad-target-name' });
});

test('moments are whole seconds, whatever was written', () => {
  expect(formatMoment(parseMoment('2030-01-31T12:00:00.987654321Z') ?? new Date(0))).toBe('2030-01-31T12:00:00Z');
  expect(formatMoment(parseMoment('2030-01-31T12:00:00+02:00') ?? new Date(0))).toBe('2030-01-31T10:00:00Z');
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2999-01-01') }), (date) => {
      expect(formatMoment(date)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }),
  );
});

test.each([
  ['30 minutes', 1800],
  ['30min', 1800],
  ['in 2 weeks', 1_209_600],
  ['1 day', 86_400],
  ['3d', 259_200],
])('parseOffset() reads %s', (written, seconds) => {
  expect(parseOffset(written)).toBe(seconds);
});

test.each(['', '2', 'hours', '1 month', '-1 day', '1.5 hours', '2h30'])('parseOffset() refuses "%s"', (written) => {
  expect(parseOffset(written)).toBeUndefined();
});

describe('keys', () => {
  test('the id of a key is as tough and python-tuf reckon it', () => {
    const key = {
      keyid_hash_algorithms: ['sha256', 'sha512'],
      keytype: 'ed25519',
      scheme: 'ed25519',
      keyval: { public: 'edcd0a32a07dce33f7c7873aaffbff36d20ea30787574ead335eefd337e4dacd' },
    };
    expect(keyIdOf(key)).toBe('59a4df8af818e9ed7abe0764c0b47b4240952aa0d179b5b78346c470ac30278d');
  });

  test('a PSS signature of another salt is refused', () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const bytes = Buffer.from('signed');
    const signed = (saltLength: number): string =>
      sign('sha256', bytes, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }).toString('hex');
    const key = tufKeyOf(publicKey, 'test');
    expect(verifySignature(key, bytes, signed(32))).toBe(true);
    expect(verifySignature(key, bytes, signed(20))).toBe(false);
    expect(verifySignature(key, bytes, signed(32).toUpperCase())).toBe(false);
  });

  test.each([
    ['rsa of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey],
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey],
    ['X25519', () => generateKeyPairSync('x25519').publicKey],
  ])('%s is no key to sign with', (_, make) => {
    expect(() => tufKeyOf(make(), 'test')).toThrow('expected RSA of 2048 to 8192 bits, Ed25519 or ECDSA P-256');
  });

  test('key addresses', () => {
    expect(parseKeyAddress('keys/a.pem')).toEqual({ file: { path: 'keys/a.pem' } });
    expect(parseKeyAddress('aws-kms:///mrk-1?region=eu-north-1')).toMatchObject({
      kms: { 'key-id': 'mrk-1', region: 'eu-north-1' },
    });
    expect(parseKeyAddress('pkcs11:token=a%20b;object=root?module-path=/m.so&pin-source=file:/pin')).toEqual({
      pkcs11: { module: '/m.so', token: 'a b', label: 'root', 'pin-file': '/pin' },
    });
    expect(() => parseKeyAddress('pkcs11:token=a')).toThrow('expected file:<path>');
  });
});

function update(version: string, max: string): Update {
  const images = { boot: 'b', root: 'r', hash: 'h' };
  return { variant: 'v', arch: 'x86_64', version, max_version: max, waves: {}, images };
}

describe('what hosts choose', () => {
  test.each([
    ['1.0.0', '1.2.0', '1.2.0'],
    ['1.2.0', '1.2.0', undefined],
    ['1.0.0', '1.1.0', '1.1.0'],
    ['1.2.0', '1.1.0', '1.1.0'],
    ['2.0.0', '1.2.0', '1.2.0'],
  ])('at %s with max_version %s: %s', (current, max, chosen) => {
    const updates = ['1.0.0', '1.1.0', '1.2.0'].map((version) => update(version, max));
    expect(choice(updates, current)).toBe(chosen);
  });

  test('only those who step down now, and did not before, are downgraded', () => {
    const before = { updates: ['1.0.0', '1.1.0', '1.2.0'].map((version) => update(version, '1.2.0')), migrations: {} };
    const after = { updates: ['1.0.0', '1.1.0', '1.2.0'].map((version) => update(version, '1.0.0')), migrations: {} };
    expect(downgrades(before, after, { variant: 'v', arch: 'x86_64' })).toEqual([
      { from: '1.1.0', to: '1.0.0' },
      { from: '1.2.0', to: '1.0.0' },
    ]);
    expect(downgrades(after, after, { variant: 'v', arch: 'x86_64' })).toEqual([]);
  });
});

test('a chain of migrations takes the longest hop that does not go too far', () => {
  const hops = [
    { from: '1.0.0', to: '1.1.0', names: ['a'] },
    { from: '1.0.0', to: '1.3.0', names: ['b'] },
    { from: '1.1.0', to: '1.2.0', names: ['c'] },
  ];
  expect(findChain(hops, '1.0.0', '1.3.0')).toEqual({ hops: [hops[1]] });
  expect(findChain(hops, '1.0.0', '1.2.0')).toEqual({ hops: [hops[0], hops[2]] });
  expect(findChain(hops, '1.1.0', '1.3.0')).toEqual({ stuckAt: '1.2.0' });
});

function at(version: number): { role: string; signed: { version: number } } {
  return { role: 'timestamp', signed: { version } };
}

describe('versions', () => {
  const now = new Date('2030-01-01T00:00:00Z');
  const seconds = now.getTime() / 1000;

  test('are seconds, or one more than before where the second is the same', () => {
    expect(nextVersion(undefined, now)).toBe(seconds);
    expect(nextVersion(at(7), now)).toBe(seconds);
    expect(nextVersion(at(seconds), now)).toBe(seconds + 1);
  });

  test('of a clock that is behind what is published are an error', () => {
    expect(() => nextVersion(at(seconds + 3600), now)).toThrow(
      "is of 2030-01-01T01:00:00Z, and this machine's clock says 2030-01-01T00:00:00Z",
    );
  });
});
