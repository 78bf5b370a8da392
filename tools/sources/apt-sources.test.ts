import { expect, test } from 'vitest';

import { parseAptSources } from './apt-sources.ts';

test('parseAptSources() reads the line form, with and without options', () => {
  const text = `
# deb http://commented.example/debian trixie main
deb http://one.example/debian trixie main contrib
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://two.example/debian/ trixie-updates main
deb-src http://one.example/debian trixie main
deb cdrom:[Debian 13]/ trixie main
deb mirror+file:/etc/apt/mirrors/debian.list trixie main
`;
  expect(parseAptSources('sources.list', text)).toEqual(['http://one.example/debian', 'https://two.example/debian']);
});

test('parseAptSources() reads stanzas: several addresses, continued lines, comments between, and those switched off', () => {
  const text = `Types: deb deb-src
# a comment inside
URIs: http://one.example/debian
 http://two.example/debian/
Suites: trixie trixie-updates
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: sid
Components: main

types: deb
uris: http://one.example/debian-security
Suites: trixie-security
`;
  expect(parseAptSources('debian.sources', text)).toEqual([
    'http://one.example/debian',
    'http://two.example/debian',
    'http://one.example/debian-security',
  ]);
});

test('parseAptSources() passes over files that apt would not read, and text it does not understand', () => {
  expect(parseAptSources('sources.list.save', 'deb http://old.example/debian trixie main')).toEqual([]);
  expect(parseAptSources('x.list', 'debris\n\0\n')).toEqual([]);
  expect(parseAptSources('x.sources', 'URIs\n: nothing')).toEqual([]);
});
