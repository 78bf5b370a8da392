import type { KeySource } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';

const FORMS =
  'file:<path>, aws-kms:<id>[?region=...], aws-ssm:<parameter>[?region=...] or pkcs11:token=<label>;object=<label>?module-path=<library>[&pin-source=<file>]';

/**
 * Where a key is, as one writes it on a command line; the last one as RFC 7512 has it. A bare path is a file.
 * @throws BuildError tuf/unknown-key-address
 */
export function parseKeyAddress(text: string): KeySource {
  const [, scheme = 'file', rest = text] = /^(file|aws-kms|aws-ssm|pkcs11):(.*)$/s.exec(text) ?? [];
  const [path, query] = splitOnce(rest.replace(/^\/\//, ''), '?');
  const options = new URLSearchParams(query);
  if (path === '') throw unknown(text);
  switch (scheme) {
    case 'file':
      return { file: { path, 'passphrase-file': options.get('passphrase-file') ?? undefined } };
    case 'aws-kms':
      return { kms: { 'key-id': path.replace(/^\//, ''), ...accessOf(options) } };
    case 'aws-ssm':
      return { ssm: { parameter: path, ...accessOf(options) } };
    default:
      return tokenKey(text, path, options);
  }
}

function accessOf(options: URLSearchParams): { region: string | undefined; endpoint: string | undefined } {
  return { region: options.get('region') ?? undefined, endpoint: options.get('endpoint') ?? undefined };
}

function tokenKey(text: string, path: string, options: URLSearchParams): KeySource {
  const attributes = new Map(path.split(';').map((part) => splitOnce(part, '=')));
  const [token, label] = [attributes.get('token'), attributes.get('object')];
  const module = options.get('module-path');
  if (token === undefined || label === undefined || module === null) throw unknown(text);
  const pinFile = options.get('pin-source')?.replace(/^file:/, '');
  try {
    return {
      pkcs11: { module, token: decodeURIComponent(token), label: decodeURIComponent(label), 'pin-file': pinFile },
    };
  } catch {
    throw unknown(text);
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

function unknown(text: string): BuildError {
  return new BuildError('tuf/unknown-key-address', `Cannot read key "${text}": expected ${FORMS}`);
}
