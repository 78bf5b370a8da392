import { existsSync } from 'node:fs';

/** Where distributions keep the authorities that their users trust: Debian and Alpine, Fedora, older Red Hat, SUSE. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
];

/**
 * The host's own bundle of certificate authorities: a registry may be reached through a proxy that no tool root knows,
 * but its host does. `undefined` where there is none; the tool root's own is left in its place then.
 */
export function hostCertificates(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  return environment['SSL_CERT_FILE'] ?? BUNDLES.find((path) => existsSync(path));
}
