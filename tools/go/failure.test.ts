import { expect, test } from 'vitest';

import { goSettings, GoFailure } from './client.ts';
import { hostCertificates } from '../sandbox/certificates.ts';
import { explainGoFailure } from './failure.ts';

const at = { file: 'packages/x/package.yaml', line: 2, column: 5 };

test.for([
  [
    'source/wrong-digest',
    'verifying example.org/x@v1.0.0: checksum mismatch\n\tdownloaded: h1:aa=\n\tsumdb.example: h1:bb=\n\nSECURITY ERROR',
  ],
  ['source/absent', 'go: example.org/x@v1.0.9: reading https://proxy/x/@v/v1.0.9.info: 403 Forbidden'],
  ['source/absent', 'go: example.org/x@v1.0.9: invalid version: unknown revision v1.0.9'],
  ['source/unreachable', 'go: example.org/x@v1.0.0: Get "https://proxy/x": dial tcp: lookup proxy: i/o timeout'],
  ['source/old-toolchain', 'go: example.org/x@v1.0.0 requires go >= 1.99.0 (running go 1.26.8; GOTOOLCHAIN=local)'],
  ['source/go-failed', 'panic: something nobody has seen'],
] as const)('Go that fails is understood as %s', ([code, text]) => {
  const failure = new GoFailure(text.split('\n'));
  expect(explainGoFailure(failure, { file: 'x-1.0.0.tar', at })).toMatchObject({ code, at });
});

test('explainGoFailure() passes on what Go did not say', () => {
  const error = new TypeError('ours');
  expect(explainGoFailure(error, { file: 'x-1.0.0.tar', at })).toBe(error);
});

test('goSettings() picks what concerns the client, and no secret of another', () => {
  const environment = {
    GOPROXY: 'https://proxy.example',
    SSL_CERT_FILE: '/etc/own.crt',
    AWS_SECRET_ACCESS_KEY: 'hidden',
    PATH: '/bin',
  };
  expect(goSettings(environment, '/home/me')).toEqual({
    env: { GOPROXY: 'https://proxy.example', SSL_CERT_FILE: '/slipway/certificates.crt' },
    files: {
      '/slipway/certificates.crt': '/etc/own.crt',
      '/slipway/go/home/.config/go/env': '/home/me/.config/go/env',
      '/slipway/go/home/.netrc': '/home/me/.netrc',
    },
  });
});

test('goSettings() takes the authorities along that the host trusts, though no variable names them', () => {
  expect(goSettings({}, '/home/me').files['/slipway/certificates.crt']).toBe(hostCertificates({}));
});
